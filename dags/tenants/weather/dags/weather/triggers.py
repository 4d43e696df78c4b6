"""Triggers of the weather team; they run in its triggerer, beside each other in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from weather.observations import observations


class StationReadyTrigger(BaseTrigger):
    """Fires at `ready_at` (ISO 8601, with offset) and says how many observations of the station there are."""

    def __init__(self, station: str, ready_at: str) -> None:
        super().__init__()
        self.station = station
        self.ready_at = ready_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "weather.triggers.StationReadyTrigger", {"station": self.station, "ready_at": self.ready_at}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        wait = (datetime.fromisoformat(self.ready_at) - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, wait))
        yield TriggerEvent({"station": self.station, "observations": len(observations(self.station))})
