"""The generic engine: one way to write, read, list, delete and act, for every type in the catalogue."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.arm.backing import Backing
from sandbox.arm.change import Change, Removal
from sandbox.arm.checks import DELETE_CHECKS, GROUP_NOT_FOUND, WRITE_CHECKS, held, not_found, refuse_while_busy
from sandbox.arm.errors import ArmError
from sandbox.arm.fields import merge
from sandbox.arm.operations import Operations
from sandbox.arm.paths import RESOURCE_GROUP, ResourceId, parse
from sandbox.arm.preparation import READ_ONLY, prepare
from sandbox.arm.resource import CREATING, DELETING, SUCCEEDED, UPDATING, Operation, Resource
from sandbox.arm.spec import TypeSpec
from sandbox.arm.world import World

ENVELOPE = frozenset({"location", "tags", "sku", "identity", "kind", "zones", "properties", "managedBy", "plan"})
SYSTEM_IDENTITY = "systemassigned"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back. `operation` is to be polled, unless there is a `wait`: then the answer is sent that many seconds
    later, when the operation has ended (a slow but synchronous write)."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    operation: Operation | None = None
    wait: float | None = None


class Engine:
    """`backings` are by the type of the resources behind which they stand."""

    def __init__(self, world: World, backings: Mapping[str, Backing]) -> None:
        self.world = world
        self.operations = Operations(world, backings)

    def put(
        self,
        path: ResourceId,
        body: Any,
        api_version: str | None,
        conditions: Mapping[str, str] | None = None,
        will_fail: dict[str, Any] | None = None,
    ) -> Answer:
        """Create or replace. `will_fail` is the error with which the operation shall end (fault schedule)."""
        spec = self._writable(path, api_version)
        before = self.world.find(path)
        self._conditions(before, conditions or {})
        change = prepare(path, spec, _checked(body), before, self.world)
        for check in (*WRITE_CHECKS, *spec.checks):
            check(change)
        recovered = self.operations.recover(change)
        if recovered is not None:
            return Answer(status=200, body=self.render(recovered), headers=_etag(recovered))
        return self._store(change, will_fail)

    def patch(
        self,
        path: ResourceId,
        body: Any,
        api_version: str | None,
        conditions: Mapping[str, str] | None = None,
        will_fail: dict[str, Any] | None = None,
    ) -> Answer:
        """JSON merge patch on what stands, then the way of a PUT."""
        self._writable(path, api_version)
        before = self.world.find(path)
        if before is None:
            raise not_found(path)
        return self.put(path, merge(before.body, _checked(body)), api_version, conditions, will_fail)

    def get(self, path: ResourceId, api_version: str | None) -> Answer:
        self.world.catalogue.versioned(path.type, api_version)
        found = self.world.find(path)
        if found is None:
            self._group_or_404(path)
            raise not_found(path)
        return Answer(status=200, body=self.render(found), headers=_etag(found))

    def list(self, parent: ResourceId, kind: str, api_version: str | None) -> Answer:
        """All of one type below `parent`: its children, or for a subscription those of all its groups."""
        spec = self.world.catalogue.versioned(kind, api_version)
        self._group_or_404(parent)
        prefix = parent.key + "/"
        stored = [found for found in self.world.of_type(spec.type) if found.key.startswith(prefix)]
        names = spec.implicit.names(self.world, parent) if spec.implicit is not None else []
        last = spec.type.rsplit("/", 1)[-1]
        known = {found.key for found in stored}
        implied = [parent.child(last, name) for name in names]
        found = [self.world.find(path) for path in implied if path.key not in known]
        every = [*stored, *(resource for resource in found if resource is not None)]
        return Answer(status=200, body={"value": [self.render(resource) for resource in every]})

    def delete(self, path: ResourceId, api_version: str | None, will_fail: dict[str, Any] | None = None) -> Answer:
        """204 when there is nothing; the checks judge `target` with all that goes with it."""
        spec = self.world.catalogue.versioned(path.type, api_version)
        if not (spec.deletable and spec.writable):
            raise _not_allowed("DELETE", spec)
        target = self.world.store.resources.get(path.key)
        if target is None:
            if path.type == RESOURCE_GROUP:
                raise GROUP_NOT_FOUND.error(group=path.name)
            if self.world.find(path) is not None:
                raise ArmError(
                    400, "OperationNotAllowed", f"'{path.text}' belongs to the service and cannot be deleted."
                )
            return Answer(status=204)
        if target.state == DELETING:
            return Answer(status=202, operation=self.world.busy(target.key))
        removal = Removal(target=target, doomed=self.operations.doomed(target), world=self.world)
        for check in (*DELETE_CHECKS, *spec.delete_checks):
            check(removal)
        operation = self.operations.start(target, spec, "delete", will_fail)
        if "delete" in spec.long_running:
            target.state = DELETING
            self.world.store.put(target)
            return Answer(status=202, operation=operation)
        if spec.slow:
            return Answer(status=200, operation=operation, wait=self.world.settings.operation_seconds)
        self.operations.finish(operation)
        return Answer(status=200)

    def act(
        self,
        path: ResourceId,
        action: str,
        body: Any,
        api_version: str | None,
        will_fail: dict[str, Any] | None = None,
    ) -> Answer:
        """POST on a resource."""
        spec = self.world.catalogue.versioned(path.type, api_version)
        handler = {name.lower(): found for name, found in spec.actions.items()}.get(action.lower())
        start = {name.lower(): found for name, found in spec.starts.items()}.get(action.lower())
        if handler is None and start is None:
            raise ArmError(404, "InvalidResourceType", f"'{spec.type}' has no action '{action}'.")
        found = self.world.find(path)
        if found is None:
            raise not_found(path)
        if handler is not None:
            return Answer(status=200, body=handler(self.world, found))
        assert start is not None
        refuse_while_busy(self.world, path)
        effect = start(self.world, found, body)
        return Answer(status=202, operation=self.operations.start(found, spec, effect, will_fail))

    def render(self, resource: Resource) -> dict[str, Any]:
        """The body that a client sees."""
        spec = self.world.spec(resource)
        shown = merge(copy.deepcopy(resource.body), spec.view(self.world, resource))
        if spec.provisioning_state:
            shown["properties"] = {**(shown.get("properties") or {}), "provisioningState": resource.state}
        times = {"createdAt": _stamp(resource.created), "lastModifiedAt": _stamp(resource.changed)}
        return {
            "id": resource.id,
            "name": resource.name,
            "type": spec.type,
            **({"etag": f'W/"{resource.etag}"'} if resource.etag else {}),
            **shown,
            **({"systemData": times} if resource.created else {}),
        }

    def _writable(self, path: ResourceId, api_version: str | None) -> TypeSpec:
        spec = self.world.catalogue.versioned(path.type, api_version)
        if not spec.writable:
            raise _not_allowed("PUT", spec)
        return spec

    def _group_or_404(self, path: ResourceId) -> None:
        if path.group and path.type != RESOURCE_GROUP and self.world.group(path) is None:
            raise GROUP_NOT_FOUND.error(group=path.group)

    @staticmethod
    def _conditions(before: Resource | None, conditions: Mapping[str, str]) -> None:
        """Source: RFC 9110 conditional requests, which ARM honours."""
        wanted, unwanted = conditions.get("if-match"), conditions.get("if-none-match")
        tag = before.etag if before is not None else ""
        failed = (wanted is not None and (before is None or (wanted != "*" and tag not in wanted))) or (
            unwanted == "*" and before is not None
        )
        if failed:
            raise ArmError(412, "PreconditionFailed", "The condition of If-Match or If-None-Match is not met.")

    def _store(self, change: Change, will_fail: dict[str, Any] | None) -> Answer:
        spec, world, now = change.spec, self.world, self.world.clock()
        made = change.before is None or change.before.created == 0.0
        body = merge(_with_identities(change), spec.outputs(change))
        resource = Resource(
            id=change.before.id if change.before is not None else change.id.text,
            type=spec.type,
            body=body,
            hidden=change.hidden,
            facts=change.facts,
            refs=held(change),
            owner=change.before.owner if change.before is not None else None,
            state=SUCCEEDED if "put" not in spec.long_running else CREATING if made else UPDATING,
            etag=uuid.uuid4().hex,
            created=now if made or change.before is None else change.before.created,
            changed=now,
        )
        world.store.put(resource)
        self.operations.bring(change, resource)
        if "put" in spec.long_running:
            operation = self.operations.start(resource, spec, "put", will_fail)
            return Answer(status=201 if made else 200, body=self.render(resource), operation=operation)
        status, body, headers = 201 if made else 200, self.render(resource), _etag(resource)
        if spec.slow:
            operation = self.operations.start(resource, spec, "put", will_fail)
            return Answer(
                status=status, body=body, headers=headers, operation=operation, wait=world.settings.operation_seconds
            )
        return Answer(status=status, body=body, headers=headers)


def _with_identities(change: Change) -> dict[str, Any]:
    """Fill in what ARM shows of a resource's managed identities: principal and client ids."""
    identity = change.body.get("identity")
    if not isinstance(identity, dict):
        return change.body
    shown = dict(identity)
    if SYSTEM_IDENTITY in str(identity.get("type", "")).lower().replace(" ", ""):
        shown["principalId"] = change.fact("systemPrincipalId")
        shown["tenantId"] = change.world.settings.tenant_id
    assigned: dict[str, Any] = {}
    for text in identity.get("userAssignedIdentities") or {}:
        found = change.world.find(parse(text))
        if found is not None:
            assigned[text] = {key: found.properties[key] for key in ("principalId", "clientId")}
    if assigned:
        shown["userAssignedIdentities"] = assigned
    return {**change.body, "identity": shown}


def _checked(body: Any) -> dict[str, Any]:
    """Source: ARM InvalidRequestContent for what is no JSON object or has members outside the envelope."""
    unknown = sorted(set(body) - ENVELOPE - READ_ONLY) if isinstance(body, dict) else ["?"]
    if unknown:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: could not find member '{unknown[0]}' "
            "on object of type 'ResourceDefinition'.",
        )
    if not isinstance(body.get("properties") or {}, dict):
        raise ArmError(400, "InvalidRequestContent", "The member 'properties' must be an object.")
    return body


def _not_allowed(method: str, spec: TypeSpec) -> ArmError:
    return ArmError(405, "MethodNotAllowed", f"The method '{method}' is not supported for '{spec.type}'.")


def _etag(resource: Resource) -> dict[str, str]:
    return {"ETag": f'W/"{resource.etag}"'} if resource.etag else {}


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
