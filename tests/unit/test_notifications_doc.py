"""docs/notifications.md: its tables and its message are what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from ariel_runtime.notifications.delivery import _SENDERS
from ariel_runtime.notifications.message import Kind, message
from ariel_runtime.notifications.wishes import Wishes, misunderstood, wishes

from stacks.classes import DEFAULTS

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text(encoding="utf-8")
RUN: Final = "scheduled__2026-11-21T06:00:00+00:00"
RUN_URL: Final = "https://airflow.example.org/dags/weather.report/runs/scheduled__2026-11-21T06%3A00%3A00%2B00%3A00"
ASKED: Final = {
    "alert:critical": Wishes(critical=True),
    "alert:success": Wishes(success=True),
    "alert:none": Wishes(silent=True),
    "alert:to:#model": Wishes(target="#model"),
}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below that heading, without its head."""
    rows = re.search(r"(\|.*\n)+", DOCUMENT.partition(f"\n## {heading}\n")[2])
    assert rows, heading
    return [[cell.strip() for cell in row.strip("|\n").split("|")] for row in rows[0].splitlines()[2:]]


def test_the_message_is_shown_as_it_is() -> None:
    said = message(
        Kind.FAILURE,
        team="weather",
        environment="dev",
        base_url="https://airflow.example.org",
        dag_id="weather.report",
        run_id=RUN,
        reason="task_failure",
        failed_tasks=["fetch"] * 100 + ["write"],
        log_url=f"{RUN_URL}/tasks/fetch/mapped/0?try_number=1",
    )
    shown = "\n".join(f"    {line}" for line in said.text.splitlines())
    assert shown in DOCUMENT


def test_every_channel_stands_in_the_table() -> None:
    assert {row[0].partition(",")[0].strip("`") for row in table("The secret")} == set(_SENDERS)


def test_every_tag_stands_in_the_table_and_does_what_it_says() -> None:
    assert [row[0].strip("`") for row in table("What an author changes")] == list(ASKED)


@pytest.mark.parametrize(("tag", "meant"), ASKED.items())
def test_a_tag_is_understood(tag: str, meant: Wishes) -> None:
    assert misunderstood([tag]) is None
    assert wishes([tag, "nightly"]) == meant


def test_the_days_are_those_of_the_classes() -> None:
    for _, *days, setting in table("Logs"):
        key = setting.strip("`").partition(".")[2]
        assert [int(each.split()[0]) for each in days] == [values["logs"][key] for values in DEFAULTS.values()]
