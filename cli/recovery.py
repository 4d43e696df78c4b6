"""After a killed engine: what it left behind is put right before the next one starts.

A killed engine leaves two things: the lock of the backend, and resources of which its state knows only that it had
asked for them.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.azure import Azure
from cli.engine import PROJECT_NAME, Engine
from cli.state import StackState
from sandbox.plugins.azure_native.types import TABLE
from sandbox.processes import Identity
from stacks.errors import EngineError

CREATING = "creating"


def release_stale_lock(engine: Engine, backend: Path) -> bool:
    """Removes the lock of a file backend whose engine no longer lives; whether there was one.

    A lock names its process and host. Raises EngineError for one of another host, or of a living engine: what that one
    is making now must not be taken for what a killed one has left.
    """
    locks = list((backend / ".pulumi" / "locks" / "organization" / PROJECT_NAME / engine.name).glob("*.json"))
    if not locks:
        return False
    if not all(_is_stale(json.loads(lock.read_text())) for lock in locks):
        raise EngineError([engine.busy("up")])
    engine.release_lock()
    return True


def settle_pending_creates(engine: Engine, state: StackState, azure: Azure, subscription_id: str) -> list[str]:
    """Takes interrupted creates into the state, where a refresh keeps what was really made and drops the rest.

    Returns the URNs of those that were asked for. Creates whose id nobody can know beforehand are only taken off the
    list: a random value is nowhere but in the state, and a half-installed Helm release is mended by its next install.
    Raises EngineError where the state moves meanwhile: then an engine is at work, and none was killed.
    """
    if not state.pending:
        return []
    asked = list(_asked_for(state.pending, azure, subscription_id))
    if engine.state() != state:
        raise EngineError([engine.busy("up")])
    content = {**state.content, "resources": [*state.resources, *asked], "pending_operations": []}
    engine.import_state(StackState(state.version, content))
    urns = [resource["urn"] for resource in asked]
    if urns:
        engine.refresh(target=urns)
    return urns


def _asked_for(pending: list[Any], azure: Azure, subscription_id: str) -> Iterator[dict[str, Any]]:
    for operation in pending:
        resource = operation["resource"]
        resource_id = None
        if operation["type"] == CREATING:
            resource_id = _azure_id(resource, azure, subscription_id) or _kubernetes_id(resource)
        if resource_id is not None:
            yield {**resource, "id": resource_id, "custom": True, "outputs": resource.get("inputs", {})}


def _azure_id(resource: dict[str, Any], azure: Azure, subscription_id: str) -> str | None:
    kind = TABLE.get(resource["type"])
    if kind is None:
        return None
    resource_id = kind.resource_id({**resource.get("inputs", {}), "subscriptionId": subscription_id})
    azure.find(resource_id, kind.api_version)  # waits for an operation that goes on in Azure
    return resource_id


def _kubernetes_id(resource: dict[str, Any]) -> str | None:
    """`namespace/name`, or the name alone where the object belongs to no namespace."""
    package, _, kind = resource["type"].partition(":")
    if package != "kubernetes" or kind.startswith("helm.sh/"):
        return None
    metadata = resource.get("inputs", {}).get("metadata", {})
    return "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part)


def _is_stale(lock: dict[str, Any]) -> bool:
    if lock.get("hostname") != socket.gethostname():
        return False
    pid = int(lock["pid"])
    if Identity.of(pid) is None:
        return True
    # The kernel may have given the id to somebody else; between fork and exec a process has no command line yet.
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return bool(command) and b"pulumi" not in command
