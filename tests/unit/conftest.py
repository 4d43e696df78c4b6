"""Recorded graphs for all unit tests; each is made once per session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import recordings
from tests.harness import Graph


@pytest.fixture(scope="session")
def graph_of() -> Callable[[str], Graph]:
    """Stack (`dev`, `prod`, `local`) -> the recorded graph of the shipped file."""
    return recordings.graph_of


@pytest.fixture(scope="session", params=recordings.STACKS)
def graph(request: pytest.FixtureRequest) -> Graph:
    """The graph of each shipped stack in turn."""
    return recordings.graph_of(request.param)
