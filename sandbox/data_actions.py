"""Who may do what with data: the role assignments in the emulated ARM, read at every request."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

from sandbox.arm.paths import ResourceId
from sandbox.arm.types.authorization import ASSIGNMENT, permissions, role_guid
from sandbox.arm.world import World


def allowed(world: World, principal: str, permission: str, where: ResourceId, *, data: bool) -> bool:
    """Whether an assignment at `where` or above gives `principal` the action, or with `data` the data action.

    An assignment with a condition gives nothing: conditions are not evaluated here.
    """
    allow, deny = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return any(
        _covers(block, permission, allow) and not _covers(block, permission, deny)
        for node in where.lineage()
        for assignment in world.children(node.key, ASSIGNMENT)
        if assignment.properties["principalId"].lower() == principal.lower()
        and not assignment.properties.get("condition")
        for block in permissions(world, role_guid(assignment.properties["roleDefinitionId"]))
    )


def _covers(block: dict[str, Any], permission: str, kind: str) -> bool:
    return any(fnmatch(permission.lower(), glob.lower()) for glob in block.get(kind) or ())
