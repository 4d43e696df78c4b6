"""Operators of the weather team."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from weather.observations import observations


class ReadObservationsOperator(BaseOperator):
    """Returns the temperatures of a station, hour by hour. Raises ValueError for a station without any."""

    template_fields = ("station",)

    def __init__(self, *, station: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.station = station

    def execute(self, context: Any) -> list[float]:
        found = [each.celsius for each in observations(self.station)]
        if not found:
            raise ValueError(f"there is no station {self.station}")
        self.log.info("%s: %d observations", self.station, len(found))
        return found
