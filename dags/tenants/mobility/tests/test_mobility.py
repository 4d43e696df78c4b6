"""The team's tests of its own package; `python -m pytest` with `dags/` on the import path."""

from __future__ import annotations

import pytest
from mobility.trips import lines, trips


def test_each_line_is_counted() -> None:
    assert {line: trips(line) for line in lines()} == {"S3": 1658, "U1": 1140, "U2": 1026}


def test_a_line_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        trips("U9")
