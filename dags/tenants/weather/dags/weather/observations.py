"""The observations that the team's DAGs work on."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "include" / "observations.csv"


@dataclass(frozen=True)
class Observation:
    hour: int
    station: str
    celsius: float


def observations(station: str | None = None) -> list[Observation]:
    """Those of one station, or all, by station and hour."""
    with FILE.open(encoding="utf-8", newline="") as file:
        found = [Observation(int(row["hour"]), row["station"], float(row["celsius"])) for row in csv.DictReader(file)]
    return sorted(
        (each for each in found if station in (None, each.station)), key=lambda each: (each.station, each.hour)
    )
