"""Rules that hold for every type, in the order in which ARM's front door and then the resource provider apply them."""

from __future__ import annotations

import re
from typing import Any

from sandbox.arm.change import Change, Removal
from sandbox.arm.errors import ArmError, Refusal
from sandbox.arm.fields import MISSING, fold, read, walk
from sandbox.arm.paths import RESOURCE_GROUP, SUBSCRIPTION, ResourceId, parse
from sandbox.arm.regions import REGIONS, normal
from sandbox.arm.resource import CREATING, DELETING, UPDATING, Resource
from sandbox.arm.spec import Location, Scope
from sandbox.arm.world import World

LOCK = "Microsoft.Authorization/locks"

GROUP_NOT_FOUND = Refusal(404, "ResourceGroupNotFound", "Resource group '{group}' could not be found.")
GROUP_GOING = Refusal(
    409,
    "ResourceGroupBeingDeleted",
    "The resource group '{group}' is in deprovisioning state and cannot perform this operation.",
)
PARENT_NOT_FOUND = Refusal(
    404,
    "ParentResourceNotFound",
    "Failed to perform 'write' on resource(s) of type '{type}', because the parent resource '{parent}' "
    "could not be found.",
)
RESOURCE_NOT_FOUND = Refusal(
    404, "ResourceNotFound", "The Resource '{type}/{name}' under resource group '{group}' was not found."
)
WRONG_SCOPE = Refusal(400, "InvalidResourceScope", "A resource of type '{type}' stands {scope}, not at '{parent}'.")
LOCKED = Refusal(
    409,
    "ScopeLocked",
    "The scope '{scope}' cannot perform {action} operation because following scope(s) are locked: '{locked}'. "
    "Please remove the lock and try again.",
)
LOCATION_REQUIRED = Refusal(400, "LocationRequired", "The location property is required for this definition.")
LOCATION_UNKNOWN = Refusal(
    400,
    "LocationNotAvailableForResourceType",
    "The provided location '{location}' is not available for resource type '{type}'.",
)
LOCATION_FIXED = Refusal(
    409,
    "InvalidResourceLocation",
    "The resource '{name}' already exists in location '{earlier}' in resource group '{group}'. "
    "A resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
)
TAG_FORBIDDEN = re.compile(r"[<>%&\\?/]")


def not_found(path: ResourceId) -> ArmError:
    if path.type == RESOURCE_GROUP:
        return GROUP_NOT_FOUND.error(group=path.name)
    return RESOURCE_NOT_FOUND.error(type=path.type, name="/".join(path.names), group=path.group)


def group_stands(change: Change) -> None:
    """A write below a group needs the group, and a group that is not going away. Source: ARM front door."""
    inside = change.id.parent
    if inside is None or not change.id.group:
        return
    group = change.world.group(inside)
    if group is None and inside.group:
        raise GROUP_NOT_FOUND.error(group=inside.group)
    if group is not None and group.state == DELETING:
        raise GROUP_GOING.error(group=group.name)


def scope_fits(change: Change) -> None:
    parent = change.id.parent
    assert parent is not None
    fits = {
        Scope.SUBSCRIPTION: parent.type == SUBSCRIPTION,
        Scope.GROUP: parent.type == RESOURCE_GROUP,
        Scope.CHILD: change.id.type.lower().startswith(parent.type.lower() + "/"),
        Scope.EXTENSION: True,
    }
    if not fits[change.spec.scope]:
        raise WRONG_SCOPE.error(type=change.spec.type, scope=change.spec.scope.value, parent=parent.text)


def parent_stands(change: Change) -> None:
    """Source: ARM error codes ParentResourceNotFound (children) and ResourceNotFound (extension resources)."""
    parent = change.id.parent
    assert parent is not None
    if change.world.exists(parent):
        return
    if change.spec.scope is Scope.EXTENSION:
        raise not_found(parent)
    raise PARENT_NOT_FOUND.error(type=change.spec.type, parent="/".join(parent.names))


def locks_on(world: World, path: ResourceId) -> list[Resource]:
    """Locks on a resource and on everything above it."""
    return [lock for node in path.lineage() for lock in world.children(node.key, LOCK)]


def not_read_only(change: Change) -> None:
    """Source: ARM documentation, management locks: ReadOnly refuses updates and deletes below its scope."""
    if change.spec.type == LOCK:
        return
    for lock in locks_on(change.world, change.id):
        if lock.properties.get("level") == "ReadOnly":
            raise LOCKED.error(scope=change.id.text, action="write", locked=lock.id.rsplit("/providers/", 1)[0])


def name_is_legal(change: Change) -> None:
    """Source: Azure resource naming rules; the pattern of each type stands in its spec."""
    rule = change.spec.name
    if not re.fullmatch(rule.pattern, change.name, re.ASCII):
        raise rule.refusal.error(name=change.name, rule=rule.rule)


def region_is_known(change: Change) -> None:
    """Locations are normalised on the way in; an existing resource never moves. Source: ARM front door."""
    spec, given = change.spec, change.body.get("location")
    if spec.location is Location.NONE:
        return
    if not given:
        if spec.location is Location.OPTIONAL:
            return
        raise LOCATION_REQUIRED.error()
    location = normal(given) if isinstance(given, str) else ""
    allowed = {"global"} if spec.location is Location.GLOBAL else REGIONS
    if location not in allowed:
        raise LOCATION_UNKNOWN.error(location=given, type=spec.type)
    if change.before is not None and change.earlier("location") not in (None, location):
        raise LOCATION_FIXED.error(
            name=change.name, earlier=change.earlier("location"), group=change.id.group, location=location
        )
    change.body["location"] = location


def tags_fit(change: Change) -> None:
    """Source: ARM documentation, tag limits: 50 tags, names to 512 characters without <>%&\\?/, values to 256."""
    tags = change.body.get("tags")
    if tags is None:
        return
    if not change.spec.tags or not isinstance(tags, dict):
        raise change.invalid("This resource type takes no tags.", "InvalidRequestContent")
    if len(tags) > change.world.limits.tags:
        raise change.invalid(
            f"The number of tags {len(tags)} exceeds the maximum of {change.world.limits.tags}.", "InvalidTagsCount"
        )
    for name, value in tags.items():
        if not 1 <= len(name) <= 512 or TAG_FORBIDDEN.search(name):
            raise change.invalid(
                f"The tag name '{name}' is too long or holds one of <>%&\\?/.", "InvalidTagNameCharacters"
            )
        if not isinstance(value, str) or len(value) > 256:
            raise change.invalid(
                f"The value of tag '{name}' must be a string of at most 256 characters.", "InvalidTagValue"
            )


def fields_hold(change: Change) -> None:
    """Every `Field` of the spec, against the complete body."""
    whole = {**change.body, "properties": dict(change.properties)}
    for path, value in change.hidden.items():
        _lay(whole, path, value)
    for rule in change.spec.fields:
        for place, value in walk(whole, rule.path):
            problem = rule.problem(value)
            if problem is not None:
                raise change.invalid(f"The property '{place}' {problem}.")


def _lay(body: dict[str, Any], path: str, value: Any) -> None:
    """Put a hidden value back where its rule looks for it, without touching the stored body."""
    steps = path.split(".")
    for step in steps[:-1]:
        body[step] = dict(body.get(step) or {})
        body = body[step]
    body[steps[-1]] = value


def fixed_stay(change: Change) -> None:
    """A fixed property may be repeated, never changed."""
    if change.before is None:
        return
    for rule in change.spec.fields:
        if rule.fixed is None:
            continue
        earlier, now = read(change.before.body, rule.path), change.get(rule.path)
        if earlier is not None and fold(earlier) != fold(now):
            raise rule.fixed.error(path=rule.path.removeprefix("properties."), name=change.name, old=earlier, new=now)


def references_stand(change: Change) -> None:
    """Source: Microsoft.Network InvalidResourceReference, RetryableError / ReferencedResourceNotProvisioned."""
    for rule in change.spec.references:
        for place, value in walk(change.body, rule.path):
            if value is MISSING or value is None:
                continue
            target = parse(value) if isinstance(value, str) else None
            kinds = [kind.lower() for kind in rule.types]
            if target is None or (kinds and target.type.lower() not in kinds):
                raise change.invalid(
                    f"The property '{place}' must be the id of {' or '.join(rule.types)}, not '{value}'.",
                    "LinkedInvalidPropertyId",
                )
            found = change.world.find(target)
            if found is None:
                raise rule.missing.error(target=target.text, id=change.id.text, name=change.name)
            if rule.settled and found.state in (CREATING, UPDATING):
                raise ArmError(
                    429,
                    "RetryableError",
                    f"ReferencedResourceNotProvisioned: Cannot proceed with operation because resource {target.text} "
                    f"used by resource {change.id.text} is not in Succeeded state. Resource is in {found.state} state.",
                    retry_after=1,
                )


def held(change: Change) -> tuple[str, ...]:
    """Keys of the resources that the changed one holds on to."""
    return tuple(
        dict.fromkeys(
            parse(value).key
            for rule in change.spec.references
            if rule.holds
            for _, value in walk(change.body, rule.path)
            if isinstance(value, str)
        )
    )


def nobody_else_writes(change: Change) -> None:
    """One write at a time: on the resource, on what its type shares (`busy`), not while the parent is being made."""
    refuse_while_busy(change.world, change.id)


def refuse_while_busy(world: World, path: ResourceId) -> None:
    spec = world.catalogue.of(path.type)
    if spec.busy is not None and world.busy(spec.busy.key(path)):
        raise spec.busy.refusal.error(key=spec.busy.key(path), name=path.name)
    if world.busy(path.key):
        refusal = spec.busy.refusal if spec.busy is not None else spec.parent_busy
        raise refusal.error(key=path.text, name=path.name)
    parent = path.parent
    if spec.scope is Scope.CHILD and parent is not None and world.busy(parent.key):
        raise spec.parent_busy.error(key=parent.text, name=parent.name)


def name_is_free(change: Change) -> None:
    """Names that are host names are unique in all of Azure. Source: Azure resource naming rules, scope 'global'."""
    refusal = change.spec.globally_unique
    if refusal is None or change.before is not None:
        return
    for other in change.world.of_type(change.spec.type):
        if other.name.lower() == change.name.lower():
            raise refusal.error(name=change.name)
    soft = change.spec.soft_delete
    buried = change.world.tombstone(f"{change.spec.type}/{change.name}".lower())
    recover = change.hidden.get("properties.createMode") == "recover"
    if soft is not None and buried is not None and not recover:
        raise soft.name_taken.error(name=change.name)
    if soft is not None and buried is None and recover:
        raise soft.not_deleted.error(name=change.name)


def identities_stand(change: Change) -> None:
    """Source: Microsoft.ManagedIdentity FailedIdentityOperation."""
    for text in change.get("identity.userAssignedIdentities") or {}:
        if change.world.find(parse(text)) is None:
            raise change.invalid(f"The identity '{text}' was not found.", "FailedIdentityOperation")


WRITE_CHECKS = (
    scope_fits,
    group_stands,
    parent_stands,
    not_read_only,
    name_is_legal,
    region_is_known,
    tags_fit,
    fields_hold,
    fixed_stay,
    nobody_else_writes,
    name_is_free,
    references_stand,
    identities_stand,
)


def not_locked(removal: Removal) -> None:
    """A lock here, above or below refuses the delete. Source: ARM documentation, management locks."""
    if removal.target.type == LOCK:
        return
    world, path = removal.world, removal.target.path
    below = [resource for resource in removal.doomed if resource.type == LOCK]
    for lock in [*locks_on(world, path), *below]:
        raise LOCKED.error(scope=removal.target.id, action="delete", locked=lock.id.rsplit("/providers/", 1)[0])


def nobody_holds_on(removal: Removal) -> None:
    """What others reference cannot go, unless they go with it. For a group this is found out while it goes."""
    if removal.target.type == RESOURCE_GROUP:
        return
    doomed = {resource.key for resource in removal.doomed}
    for resource in removal.doomed:
        for holder in removal.world.holders(resource.key):
            if holder.key not in doomed:
                spec = removal.world.spec(resource)
                raise spec.in_use.error(id=resource.id, name=resource.name, holder=holder.id)


def nothing_nested(removal: Removal) -> None:
    """Types that must be emptied before they go."""
    nested = removal.world.spec(removal.target).nested
    children = [
        child
        for child in removal.world.children(removal.target.key)
        if not child.path.extension and child.owner is None
    ]
    if nested is not None and children:
        raise nested.error(id=removal.target.id, name=removal.target.name, child=children[0].id)


def nobody_else_changes(removal: Removal) -> None:
    refuse_while_busy(removal.world, removal.target.path)


DELETE_CHECKS = (not_locked, nobody_else_changes, nothing_nested, nobody_holds_on)
