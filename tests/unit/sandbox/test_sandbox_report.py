"""The plain report: a person sees what runs, how long it took, and what failed."""

from __future__ import annotations

import io

import pytest

from sandbox.report import LineReport


def test_a_step_says_when_it_starts_and_when_it_is_done() -> None:
    said = io.StringIO()
    with LineReport(said).step("Build helm") as step:
        assert said.getvalue() == "Build helm ...\n"
        step.advance(1, 2)
    assert said.getvalue().splitlines()[-1].startswith("Build helm: done in ")


def test_a_failed_step_is_not_reported_as_done() -> None:
    said = io.StringIO()
    with pytest.raises(KeyboardInterrupt), LineReport(said).step("Build helm"):
        raise KeyboardInterrupt
    assert "done" not in said.getvalue()
    assert "Build helm: failed after " in said.getvalue()
