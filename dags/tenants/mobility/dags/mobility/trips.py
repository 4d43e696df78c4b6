"""Trips by line, as the counters in the vehicles gave them."""

from __future__ import annotations

import csv
from pathlib import Path

FILE = Path(__file__).parent / "include" / "trips.csv"


def lines() -> list[str]:
    return sorted({row["line"] for row in _rows()})


def trips(line: str) -> int:
    """Of the day. Raises KeyError for a line that does not exist."""
    found = [int(row["trips"]) for row in _rows() if row["line"] == line]
    if not found:
        raise KeyError(line)
    return sum(found)


def _rows() -> list[dict[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
