"""The parts of a running service, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.arm.backing import Backing
from sandbox.arm.catalogue import Catalogue
from sandbox.arm.engine import Engine
from sandbox.arm.faults import Schedule
from sandbox.arm.limits import Limits, TokenBucket
from sandbox.arm.request_log import RequestLog
from sandbox.arm.resource import Operation
from sandbox.arm.routing import Call
from sandbox.arm.store import Store
from sandbox.arm.types import SPECS
from sandbox.arm.world import Settings, World


class Service:
    """State, engine, fault schedule, log and token buckets. One event loop uses it; nothing in it waits.

    `backings`: resource type -> what stands behind its resources; types without one are data only.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        schedule: Schedule,
        clock: Callable[[], float],
        backings: Mapping[str, Backing],
    ) -> None:
        self.store = Store(folder)
        self.log = RequestLog(folder)
        self._settings = settings
        self.world = World(store=self.store, catalogue=Catalogue(SPECS), settings=settings, clock=clock)
        self.engine = Engine(self.world, backings)
        self.engine.operations.resume()
        self.set_schedule(schedule)

    def set_schedule(self, schedule: Schedule) -> None:
        """Faults from now on; the limits that come with them take effect, with full buckets."""
        self.schedule = schedule
        self.world.settings = replace(self._settings, limits=schedule.limits)
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    @property
    def limits(self) -> Limits:
        return self.world.limits

    def take(self, call: Call) -> dict[str, str]:
        """Count a write or delete against its subscription; the header says what is left."""
        what = {"PUT": "writes", "PATCH": "writes", "POST": "writes", "DELETE": "deletes"}.get(call.method)
        if what is None:
            return {}
        key = (call.subscription, what)
        if key not in self._buckets:
            writes = (self.limits.write_burst, self.limits.writes_per_second)
            deletes = (self.limits.delete_burst, self.limits.deletes_per_second)
            self._buckets[key] = TokenBucket(*(writes if what == "writes" else deletes))
        self._buckets[key].take(what)
        return {f"x-ms-ratelimit-remaining-subscription-{what}": str(self._buckets[key].remaining)}

    def conclude(self, operation: Operation) -> None:
        """End an operation whose answer was held back until now."""
        if operation.id in self.store.active:
            self.engine.operations.finish(operation)
            self.store.commit()

    def reset(self) -> None:
        """An empty cloud, without faults, and nothing behind it."""
        self.engine.operations.works.clear()
        self.store.wipe()
        self.log.wipe()
        self.set_schedule(Schedule())

    def close(self) -> None:
        self.engine.operations.works.close()
        self.store.close()
        self.log.close()
