"""The rule on foreign actions: what a tag names can change overnight, what a commit names cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows import GITHUB, unpinned

COMMIT = "3d3c42e5aac5ba805825da76410c181273ba90b1"


def judged(folder: Path, line: str) -> list[str]:
    file = folder / "workflow.yml"
    file.write_text(f"steps:\n  {line}\n")
    return list(unpinned([file]))


@pytest.mark.parametrize(
    "line",
    [
        "- uses: actions/checkout@v7",
        "- uses: actions/checkout@main # v7.0.1",
        f"- uses: actions/checkout@{COMMIT}",
        f"- uses: actions/checkout@{COMMIT} # v7",
        f"- uses: actions/checkout@{COMMIT[:12]} # v7.0.1",
        "uses: docker://alpine:3.20",
    ],
)
def test_an_action_that_can_change_unseen_is_refused(line: str, tmp_path: Path) -> None:
    assert len(judged(tmp_path, line)) == 1


@pytest.mark.parametrize("line", [f"- uses: actions/checkout@{COMMIT} # v7.0.1", "- uses: ./.github/actions/live"])
def test_a_pinned_action_and_our_own_pass(line: str, tmp_path: Path) -> None:
    assert judged(tmp_path, line) == []


def test_the_rule_finds_the_actions_that_the_workflows_use() -> None:
    files = [*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")]
    assert sum("uses:" in file.read_text() for file in files) >= 4
