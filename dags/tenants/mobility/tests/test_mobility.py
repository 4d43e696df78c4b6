"""The team's tests of its own package; `python -m pytest` with `dags/` on the import path."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from mobility.picture import bar_chart
from mobility.trips import lines, trips


def test_each_line_is_counted() -> None:
    assert {line: trips(line) for line in lines()} == {"S3": 1658, "U1": 1140, "U2": 1026}


def test_a_line_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        trips("U9")


def test_the_longest_bar_stays_in_the_picture() -> None:
    root = ElementTree.fromstring(bar_chart("t", "n", {"a": 5, "b": 0}))  # noqa: S314  drawn here
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    assert [int(bar.attrib["width"]) for bar in bars] == [500, 0]
