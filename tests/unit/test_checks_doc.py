"""docs/checks.md: its tables say what the checks are and what each difference does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ariel_runtime.checks.rehydration import CONSEQUENCES

from cli.checks import CHECKS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "checks.md"


def rows(heading: str) -> list[str]:
    """Of the table below that heading, without its head."""
    section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def test_each_check_has_its_row() -> None:
    assert [row.split("`")[1] for row in rows("The checks")] == list(CHECKS)


def test_the_table_of_differences_is_that_of_the_code() -> None:
    expected = [f"| {kind} | {each.pinned} | {each.unpinned} | {each.reason} |" for kind, each in CONSEQUENCES.items()]
    assert rows("Differences") == expected, "\n".join(["docs/checks.md is stale; its table is:", *expected])
