"""What stands behind resources in the real world: who makes it, and the work that an operation waits for.

Owns when that work runs, off the event loop, and how its failure becomes the error of the operation; not what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

from sandbox.arm.errors import ArmError
from sandbox.arm.resource import Operation, Resource
from sandbox.arm.world import World

Work = Callable[[], None]
"""Runs in a thread, may take seconds, may be repeated after a restart. Raises ArmError, or anything, when it fails."""

_AT_ONE_TIME: Final = 4


class Backing(Protocol):
    """Makes real what the resources of one type describe.

    Each method is called on the event loop when an operation begins, reads what it needs of the world and returns the
    work; the operation ends when the work has.
    """

    def put(self, world: World, resource: Resource) -> Work:
        """Bring it to what `resource` says, whether it exists or not."""

    def delete(self, world: World, resource: Resource) -> Work:
        """Take it away with all that stands below it; also when there is nothing."""

    def act(self, world: World, resource: Resource, effect: str) -> Work:
        """An effect of one of the type's `transitions`."""


class Works:
    """The work of the operations under way. Without backings there is none, and every operation is ready at once."""

    def __init__(self, world: World, backings: Mapping[str, Backing]) -> None:
        self._world = world
        self._backings = {world.catalogue.of(kind).type: backing for kind, backing in backings.items()}
        self._pool = ThreadPoolExecutor(_AT_ONE_TIME, "backing") if backings else None
        self._running: dict[str, Future[None]] = {}

    def begin(self, operation: Operation, affected: tuple[Resource, ...]) -> None:
        """Start what `operation` does to `affected`: its target, or on a delete all that goes."""
        works = [work for resource in affected if (work := self._work(operation.effect, resource, affected))]
        if works and self._pool is not None and operation.will_fail is None:
            self._running[operation.id] = self._pool.submit(_one_after_another, works)

    def under_way(self, operation: Operation) -> bool:
        future = self._running.get(operation.id)
        return future is not None and not future.done()

    def failure(self, operation: Operation) -> dict[str, Any] | None:
        """ARM's error of a work that failed; waits for one that still runs."""
        future = self._running.pop(operation.id, None)
        error = None if future is None else future.exception()
        if error is None:
            return None
        if not isinstance(error, ArmError):
            error = ArmError(500, "InternalServerError", f"{type(error).__name__}: {error}")
        body: dict[str, Any] = error.body()["error"]
        return body

    def clear(self) -> None:
        """Take away everything that is backed."""
        backed = tuple(resource for kind in self._backings for resource in self._world.of_type(kind))
        _one_after_another([work for resource in backed if (work := self._work("delete", resource, backed))])
        self._running.clear()

    def close(self) -> None:
        """Wait for what still runs."""
        if self._pool is not None:
            self._pool.shutdown()

    def _work(self, effect: str, resource: Resource, affected: tuple[Resource, ...]) -> Work | None:
        backing = self._backings.get(resource.type)
        above = [node.key for node in resource.path.lineage()][1:]
        goes_along = any(other.key in above and other.type in self._backings for other in affected)
        if backing is None or goes_along:
            return None
        snapshot = Resource.loads(resource.dumps())
        match effect:
            case "put":
                return backing.put(self._world, snapshot)
            case "delete":
                return backing.delete(self._world, snapshot)
            case _:
                return backing.act(self._world, snapshot, effect)


def _one_after_another(works: list[Work]) -> None:
    for work in works:
        work()
