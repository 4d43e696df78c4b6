"""The committed inventories are what the program plans, so that a reviewer sees every change of the graph."""

from __future__ import annotations

import difflib

import pytest

from tests import recordings
from tests.inventory import COMMAND, FOLDER, inventory


@pytest.mark.parametrize("stack", recordings.STACKS)
def test_the_committed_inventory_is_what_the_program_plans(stack: str) -> None:
    file = FOLDER / f"{stack}.txt"
    committed = file.read_text(encoding="utf-8") if file.exists() else ""
    planned = inventory(recordings.graph_of(stack))
    diff = difflib.unified_diff(committed.splitlines(), planned.splitlines(), "committed", "planned", lineterm="", n=1)
    assert committed == planned, "\n".join([*diff, "", f"Review the difference; then run: {COMMAND}"])


def test_there_is_no_inventory_of_a_stack_that_is_gone() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == set(recordings.STACKS)
