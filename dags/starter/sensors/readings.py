"""Waits for the readings of a city."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from shared.readings import readings


class ReadingsSensor(BaseSensorOperator):
    """Looks once, then lets the team's triggerer look every `poke_interval`: there is no pod meanwhile."""

    template_fields = ("city",)

    def __init__(self, *, city: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.city = city

    def execute(self, context: Any) -> int:
        """Returns the number of readings."""
        found = len(readings(self.city))
        if not found:
            trigger = ReadingsTrigger(city=self.city, seconds=self.poke_interval)
            self.defer(trigger=trigger, method_name="there_are", timeout=self.timeout)
        return found

    def there_are(self, context: Any, event: dict[str, Any]) -> int:
        return int(event["readings"])


class ReadingsTrigger(BaseTrigger):
    """Fires once there are readings. All triggers of the team share one process: never block in `run`."""

    def __init__(self, *, city: str, seconds: float) -> None:
        super().__init__()
        self.city = city
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"city": self.city, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while not (found := await asyncio.to_thread(readings, self.city)):
            await asyncio.sleep(self.seconds)
        yield TriggerEvent({"readings": len(found)})
