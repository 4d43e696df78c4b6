"""Sensors of the weather team."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator

from weather.triggers import StationReadyTrigger


class StationReadySensor(BaseSensorOperator):
    """Waits until a station has reported; without a pod meanwhile, since the team's triggerer does the waiting."""

    def __init__(self, *, station: str, delay: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.station = station
        self.delay = delay

    def execute(self, context: Any) -> None:
        ready_at = datetime.now(UTC) + self.delay
        self.defer(trigger=StationReadyTrigger(self.station, ready_at.isoformat()), method_name="reported")

    def reported(self, context: Any, event: dict[str, Any]) -> int:
        """Returns the number of observations. Raises RuntimeError where the station reported nothing."""
        if not event["observations"]:
            raise RuntimeError(f"{event['station']} reported nothing")
        return int(event["observations"])
