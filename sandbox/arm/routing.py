"""What a method and a path ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.arm.engine import Answer
from sandbox.arm.errors import ArmError
from sandbox.arm.paths import GUID, RESOURCE_GROUP, ResourceId, parse
from sandbox.arm.resource import FAILED
from sandbox.arm.soft_deleted import deleted, listed, purge

if TYPE_CHECKING:
    from sandbox.arm.service import Service


@dataclass(kw_only=True)
class Call:
    """A request, understood. `tail` is a collection ("subnets") or action ("purge") after the resource, if any."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    resource: ResourceId
    tail: str = ""
    conditions: dict[str, str] = field(default_factory=dict)
    will_fail: dict[str, Any] | None = None

    @property
    def api_version(self) -> str | None:
        return next((value for key, value in self.query.items() if key.lower() == "api-version"), None)

    @property
    def kind(self) -> str:
        """The type that the call is about, for the fault schedule."""
        return f"{self.resource.type}/{self.tail}" if self.tail and self.method == "GET" else self.resource.type

    @property
    def subscription(self) -> str:
        return self.resource.subscription


SERVICE_PATH = re.compile(r"^/subscriptions/([^/]+)/providers/([^/]+)/(locations|deletedVaults)(?:/|$)", re.IGNORECASE)


def understand(method: str, path: str, query: dict[str, str], body: Any) -> Call:
    """Raises ArmError for a path that is no ARM path, or a subscription id that is no GUID."""
    segments = [segment for segment in path.split("/") if segment]
    text = "/" + "/".join(segments)
    lowered = [segment.lower() for segment in segments]
    after = len(segments) - 1 - lowered[::-1].index("providers") if "providers" in lowered else None
    service = SERVICE_PATH.match(text)
    if service is not None:
        owner, tail = parse(f"/subscriptions/{service[1]}"), ""
    elif after is None and len(segments) % 2:
        owner, tail = parse("/" + "/".join(segments[:-1])), segments[-1]
    elif after is not None and (len(segments) - after) % 2 and len(segments) == after + 3:
        owner, tail = parse("/" + "/".join(segments[:after])), f"{segments[after + 1]}/{segments[after + 2]}"
    elif after is not None and (len(segments) - after) % 2:
        owner, tail = parse("/" + "/".join(segments[:-1])), segments[-1]
    else:
        owner, tail = parse(text), ""
    if owner.subscription and not GUID.match(owner.subscription):
        raise ArmError(
            400,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{owner.subscription}' is malformed or invalid.",
        )
    return Call(method=method, path=text, query=query, body=body, resource=owner, tail=tail)


def answer(service: Service, call: Call) -> Answer:
    """Let the engine do what the call asks for. Due operations end first."""
    service.engine.operations.settle()
    for method, pattern, handler in SPECIAL:
        match = pattern.match(call.path)
        if match is not None and method == call.method:
            return handler(service, call, *match.groups())
    if SERVICE_PATH.match(call.path):
        raise ArmError(404, "NotFound", f"There is nothing at '{call.path}'.")
    engine = service.engine
    if call.tail and call.method == "GET":
        kind = call.tail if "/" in call.tail else f"{call.resource.type}/{call.tail}"
        return engine.list(call.resource, kind, call.api_version)
    if call.tail and call.method == "POST":
        return engine.act(call.resource, call.tail, call.body, call.api_version, call.will_fail)
    if call.tail:
        raise ArmError(405, "MethodNotAllowed", f"'{call.method}' is not possible on '{call.path}'.")
    match call.method:
        case "PUT":
            return engine.put(call.resource, call.body, call.api_version, call.conditions, call.will_fail)
        case "PATCH":
            return engine.patch(call.resource, call.body, call.api_version, call.conditions, call.will_fail)
        case "DELETE":
            return engine.delete(call.resource, call.api_version, call.will_fail)
        case "GET":
            return engine.get(call.resource, call.api_version)
        case "HEAD":
            return Answer(status=204, headers=engine.get(call.resource, call.api_version).headers)
        case _:
            raise ArmError(405, "MethodNotAllowed", f"'{call.method}' is not possible on '{call.path}'.")


def _subscription(service: Service, _: Call, name: str) -> Answer:
    return Answer(
        status=200,
        body={
            "id": f"/subscriptions/{name}",
            "subscriptionId": name,
            "tenantId": service.world.settings.tenant_id,
            "displayName": "ariel sandbox",
            "state": "Enabled",
        },
    )


def _groups(service: Service, call: Call, _: str) -> Answer:
    return service.engine.list(call.resource, RESOURCE_GROUP, call.api_version)


def _resources(service: Service, call: Call, *_: str) -> Answer:
    prefix = call.resource.key + "/"
    found = [
        service.engine.render(resource)
        for resource in service.store.resources.values()
        if resource.key.startswith(prefix) and resource.type != RESOURCE_GROUP
    ]
    return Answer(status=200, body={"value": found})


def _operation_status(service: Service, _: Call, name: str) -> Answer:
    operation = service.store.operations.get(name)
    if operation is None:
        raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
    body: dict[str, Any] = {"name": name, "status": operation.status}
    if operation.error is not None:
        body["error"] = operation.error
    left = int(operation.ready_at - service.world.clock())
    running = operation.status == "InProgress"
    return Answer(status=200, body=body, headers={"Retry-After": str(left)} if running else {})


def _operation_result(service: Service, call: Call, name: str) -> Answer:
    """202 while it runs; then what was written, or 204 for what is gone."""
    operation = service.store.operations.get(name)
    if operation is None:
        raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
    if operation.status == "InProgress":
        return Answer(status=202, operation=operation)
    if operation.status == FAILED and operation.error is not None:
        raise ArmError(409, operation.error["code"], operation.error["message"])
    target = service.store.resources.get(operation.target)
    return Answer(status=204) if target is None else Answer(status=200, body=service.engine.render(target))


def _special(
    method: str, pattern: str, handler: Callable[..., Answer]
) -> tuple[str, re.Pattern[str], Callable[..., Answer]]:
    return method, re.compile(pattern, re.IGNORECASE), handler


DELETED = r"^/subscriptions/([^/]+)/providers/([^/]+)/locations/[^/]+/(deleted[^/]+)/([^/]+)"
SPECIAL = [
    _special("GET", r"^/subscriptions/([^/]+)/providers/([^/]+)/(deleted[^/]+)$", listed),
    _special("GET", DELETED + "$", deleted),
    _special("POST", DELETED + "/purge$", purge),
    _special("GET", r"^/subscriptions/([^/]+)$", _subscription),
    _special("GET", r"^/subscriptions/([^/]+)/resourcegroups$", _groups),
    _special("GET", r"^/subscriptions/([^/]+)/resources$", _resources),
    _special("GET", r"^/subscriptions/([^/]+)/resourcegroups/([^/]+)/resources$", _resources),
    _special(
        "GET", r"^/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/operationstatuses/([^/]+)$", _operation_status
    ),
    _special(
        "GET", r"^/subscriptions/[^/]+/providers/[^/]+/locations/[^/]+/operationresults/([^/]+)$", _operation_result
    ),
]
