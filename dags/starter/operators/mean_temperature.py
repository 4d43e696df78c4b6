"""The mean temperature of a city."""

from __future__ import annotations

from statistics import fmean
from typing import Any, Final

from airflow.sdk import BaseOperator

from shared.readings import readings

_FROM_CELSIUS: Final = {"celsius": lambda value: value, "fahrenheit": lambda value: value * 9 / 5 + 32}


class MeanTemperatureOperator(BaseOperator):
    """Returns the mean with one decimal. Raises ValueError for an unknown unit, or a city without readings."""

    template_fields = ("city", "unit")

    def __init__(self, *, city: str, unit: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.city = city
        self.unit = unit

    def execute(self, context: Any) -> float:
        if self.unit not in _FROM_CELSIUS:
            raise ValueError(f"{self.unit} is none of {', '.join(_FROM_CELSIUS)}")
        found = [each.celsius for each in readings(self.city)]
        if not found:
            raise ValueError(f"there are no readings of {self.city}")
        self.log.info("%s: %d readings", self.city, len(found))
        return round(_FROM_CELSIUS[self.unit](fmean(found)), 1)
