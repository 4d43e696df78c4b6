"""Long-running operations: they end by the clock, so a restart in between changes nothing.

Where something real stands behind a resource (`sandbox.arm.backing`), they also wait for its work.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.arm.backing import Backing, Works
from sandbox.arm.change import Change
from sandbox.arm.checks import held
from sandbox.arm.errors import ArmError
from sandbox.arm.fields import merge
from sandbox.arm.paths import RESOURCE_GROUP, parse
from sandbox.arm.resource import FAILED, SUCCEEDED, Operation, Resource
from sandbox.arm.spec import TypeSpec
from sandbox.arm.world import World

KEPT_SECONDS = 3600
"""How long a finished operation can still be asked for."""


class Operations:
    def __init__(self, world: World, backings: Mapping[str, Backing]) -> None:
        self._world = world
        self.works = Works(world, backings)

    def start(
        self, target: Resource, spec: TypeSpec, effect: str, will_fail: dict[str, Any] | None = None
    ) -> Operation:
        """Begin a change that keeps `target`, and what its type shares, busy for the operation time."""
        keys = (target.key,) if spec.busy is None else (target.key, spec.busy.key(target.path))
        operation = self._begin(effect, target.key, spec.type, keys, will_fail)
        self.works.begin(operation, self._affected(operation))
        return operation

    def resume(self) -> None:
        """Start anew the work of operations that an earlier process left under way."""
        for operation in self._world.store.active.values():
            self.works.begin(operation, self._affected(operation))

    def _affected(self, operation: Operation) -> tuple[Resource, ...]:
        target = self._world.store.resources.get(operation.target)
        if target is None:
            return ()
        return self.doomed(target) if operation.effect == "delete" else (target,)

    def _begin(
        self, effect: str, target: str, kind: str, keys: tuple[str, ...], will_fail: dict[str, Any] | None
    ) -> Operation:
        now = self._world.clock()
        operation = Operation(
            id=str(uuid.uuid4()),
            effect=effect,
            target=target,
            type=kind,
            keys=keys,
            started=now,
            ready_at=now + self._world.settings.operation_seconds,
            will_fail=will_fail,
        )
        self._world.store.put_operation(operation)
        return operation

    def settle(self) -> None:
        """End what is due, in the order in which it became due."""
        now = self._world.clock()
        active = self._world.store.active.values()
        due = [found for found in active if found.ready_at <= now and not self.works.under_way(found)]
        for operation in sorted(due, key=lambda operation: operation.ready_at):
            self.finish(operation)
        if due:
            self._world.store.forget_operations(now - KEPT_SECONDS)
            self._world.store.commit()

    def finish(self, operation: Operation) -> None:
        target = self._world.store.resources.get(operation.target)
        error = operation.will_fail or self.works.failure(operation)
        if error is not None:
            self._fail(operation, target, error)
            return
        if target is not None and operation.effect == "put":
            target.state = SUCCEEDED
            self._world.store.put(target)
        if target is not None and operation.effect == "delete":
            blocked = self._remove(target)
            if blocked is not None:
                self._fail(operation, target, blocked)
                return
        if operation.effect == "purge":
            self._world.store.drop_tombstone(operation.target)
        if target is not None and operation.effect in (transitions := self._world.spec(target).transitions):
            for changed in transitions[operation.effect](self._world, target):
                self._world.store.put(changed)
        operation.status = SUCCEEDED
        self._world.store.put_operation(operation)

    def _fail(self, operation: Operation, target: Resource | None, error: dict[str, Any]) -> None:
        operation.status, operation.error = FAILED, error
        self._world.store.put_operation(operation)
        if target is not None:
            target.state = FAILED if operation.effect == "put" else SUCCEEDED
            self._world.store.put(target)

    def doomed(self, target: Resource) -> tuple[Resource, ...]:
        """`target` last, before it all that stands below it and all that these own."""
        found: dict[str, Resource] = {}
        for resource in [*self._world.below(target.key), target]:
            for owned in self._world.store.owned_by(resource.key):
                found.update({below.key: below for below in [*self._world.below(owned.key), owned]})
            found[resource.key] = resource
        found.pop(target.key)
        return (*found.values(), target)

    def _remove(self, target: Resource) -> dict[str, Any] | None:
        """Take away all that is doomed. A group goes only if nothing outside holds on to something inside."""
        doomed = self.doomed(target)
        if target.type == RESOURCE_GROUP:
            inside = {resource.key for resource in doomed}
            for resource in doomed:
                for holder in self._world.holders(resource.key):
                    if holder.key not in inside:
                        message = f"Deletion of '{target.name}' failed: '{resource.id}' is used by '{holder.id}'."
                        return ArmError(409, "ResourceGroupDeletionBlocked", message).body()["error"]
        for resource in doomed:
            self._bury(resource)
        for resource in doomed:
            self._world.store.drop(resource)
        return None

    def recover(self, change: Change) -> Resource | None:
        """Bring back the soft-deleted resource that `change` asks for with createMode recover, with its children.

        Role assignments and other extension resources do not come back. Source: Key Vault soft-delete overview.
        """
        soft = change.spec.soft_delete
        key = f"{change.spec.type}/{change.name}".lower()
        buried = self._world.tombstone(key)
        if soft is None or buried is None or change.before is not None:
            return None
        for text in [*buried["children"], buried["resource"]]:
            recovered = Resource.loads(text)
            self._world.store.put(recovered)
        self._world.store.drop_tombstone(key)
        return recovered

    def _bury(self, resource: Resource) -> None:
        soft = self._world.spec(resource).soft_delete
        if soft is None:
            return
        now = self._world.clock()
        until = now + soft.retention_days(resource) * 86400
        below = [child.dumps() for child in self._world.children(resource.key) if not child.path.extension]
        tombstone = {
            "resource": resource.dumps(),
            "children": below,
            "deleted": now,
            "until": until,
            "purgeable": soft.purge_allowed(resource),
        }
        self._world.store.put_tombstone(f"{resource.type}/{resource.name}".lower(), tombstone)

    def purge(self, key: str) -> Operation:
        """Start the end of a soft-deleted name."""
        kind = key.rsplit("/", 1)[0]
        return self._begin("purge", key, self._world.catalogue.of(kind).type, (key,), None)

    def bring(self, change: Change, resource: Resource) -> None:
        """Make what the written resource brings along (owned) and what it starts with (not owned)."""
        wanted = change.spec.brings(change)
        keys = {text.lower() for text, _, _ in wanted}
        for owned in self._world.store.owned_by(resource.key):
            if owned.key not in keys:
                self._world.store.drop(owned)
        for text, kind, body in wanted:
            self._plant(text, kind, body, resource.key)
        for text, kind, body in change.spec.seeds(change):
            self._plant(text, kind, body, None)

    def _plant(self, text: str, kind: str, body: dict[str, Any], owner: str | None) -> None:
        earlier = self._world.store.resources.get(parse(text).key)
        now = self._world.clock()
        spec = self._world.catalogue.of(kind)
        planted = Resource(
            id=text,
            type=spec.type,
            body=body,
            owner=owner,
            etag=uuid.uuid4().hex,
            created=earlier.created if earlier is not None else now,
            changed=now,
        )
        change = Change(id=planted.path, spec=spec, body=body, before=earlier, world=self._world)
        planted.body = merge(body, spec.outputs(change))
        planted.refs = held(change)
        planted.facts = change.facts
        self._world.store.put(planted)
