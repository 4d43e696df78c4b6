"""One measured number beside its goal, and the table of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Goal:
    """The most that is wanted, or the least."""

    bound: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


@dataclass(frozen=True)
class Result:
    what: str
    value: float
    unit: str = ""
    goal: Goal | None = None

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where there is no goal. A value that is not a number meets none."""
        if self.goal is None:
            return ""
        return "met" if self.goal.met(self.value) else "missed"


def median(values: Iterable[float]) -> float:
    """NaN where there are none."""
    found = list(values)
    return statistics.median(found) if found else math.nan


def percentile(values: Sequence[float], percent: int) -> float:
    """Interpolated between the two nearest values; NaN where there are none."""
    if len(values) < 2:
        return values[0] if values else math.nan
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(results: Iterable[Result], title: str = "the running platform") -> Table:
    made = Table(title=title, title_justify="left")
    for column in ("what", "result", "unit", "goal", ""):
        made.add_column(column, justify="right" if column in ("result", "goal") else "left")
    for each in results:
        made.add_row(each.what, _digits(each.value), each.unit, str(each.goal or ""), each.verdict)
    return made


def _digits(value: float) -> str:
    """Three that count; whole numbers from a hundred on."""
    return f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2f}"
