"""Tests of the official chart run only where it is at hand; else pytest counts them as deselected, not as skipped."""

from __future__ import annotations

import os

import pytest

from tests.chart_projection import OFFICIAL_CHART


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(OFFICIAL_CHART):
        return
    absent = [item for item in items if item.get_closest_marker("official_chart")]
    items[:] = [item for item in items if item not in absent]
    if absent:
        config.hook.pytest_deselected(items=absent)
