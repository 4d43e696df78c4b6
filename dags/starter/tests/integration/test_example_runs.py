"""`SLUG.example` with its real operators."""

from __future__ import annotations

import pytest
from ariel_runtime.testing import Give, Run

EXAMPLE = "SLUG.example"

pytestmark = pytest.mark.integration


def test_it_says_the_mean_in_the_unit_of_variables_yaml(run: Run) -> None:
    assert run(EXAMPLE) == {"ready": 3, "mean": 10.8, "say": "Hamburg: 10.8 degrees"}


def test_it_says_the_mean_in_another_unit(variables: Give, run: Run) -> None:
    variables({"temperature_unit": "fahrenheit"})
    assert run(EXAMPLE)["say"] == "Hamburg: 51.5 degrees"
