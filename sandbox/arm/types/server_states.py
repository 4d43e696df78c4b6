"""Starting, stopping, restarting and failing over a PostgreSQL flexible server, as ARM judges and shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from sandbox.arm.errors import ArmError, Refusal
from sandbox.arm.resource import Resource
from sandbox.arm.world import World

START, STOP, RESTART, FAILOVER = "start", "stop", "restart", "failover"
READY, STOPPED = "Ready", "Stopped"
NOT_READY = Refusal(409, "ServerIsNotReady", "The server '{name}' is not in the state Ready. Start it and try again.")


def _restart(_: World, server: Resource, body: Any) -> str:
    """Source: REST API, Servers - Restart: restartWithFailover needs a standby."""
    _is_ready(server)
    if not (body or {}).get("restartWithFailover"):
        return RESTART
    if ((server.properties.get("highAvailability") or {}).get("mode") or "Disabled").lower() == "disabled":
        message = f"Failover is not possible: high availability is not enabled on server '{server.name}'."
        raise ArmError(400, "HighAvailabilityNotEnabled", message)
    return FAILOVER


def _stop(_: World, server: Resource, __: Any) -> str:
    """Source: how to stop and start a server."""
    _is_ready(server)
    return STOP


def _is_ready(server: Resource) -> None:
    if server.properties["state"] != READY:
        raise NOT_READY.error(name=server.name)


def _restarted(world: World, server: Resource) -> Iterable[Resource]:
    """Parameters that waited for a restart have taken effect."""
    for parameter in world.children(server.key, f"{server.type}/configurations"):
        properties = {**parameter.properties, "isConfigPendingRestart": False}
        yield replace(parameter, body={**parameter.body, "properties": properties})


def _failed_over(world: World, server: Resource) -> Iterable[Resource]:
    """The standby's zone becomes the server's, and the other way round."""
    yield from _restarted(world, server)
    availability = server.properties["highAvailability"]
    zone, standby = server.properties["availabilityZone"], availability.get("standbyAvailabilityZone")
    if standby:
        swapped = {"availabilityZone": standby, "highAvailability": {**availability, "standbyAvailabilityZone": zone}}
        yield replace(server, body={**server.body, "properties": {**server.properties, **swapped}})


def _in_state(state: str) -> Callable[[World, Resource], Iterable[Resource]]:
    def changed(_: World, server: Resource) -> Iterable[Resource]:
        return [replace(server, body={**server.body, "properties": {**server.properties, "state": state}})]

    return changed


STARTS: Final = {START: lambda *_: START, STOP: _stop, RESTART: _restart}
TRANSITIONS: Final = {
    START: lambda world, server: [*_in_state(READY)(world, server), *_restarted(world, server)],
    STOP: _in_state(STOPPED),
    RESTART: _restarted,
    FAILOVER: _failed_over,
}
