"""What a person sees of a check of a team's repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from cli.checks import SECRETS, Report
from cli.console import table

_STATES: Final = ("broken", "missing", "cannot tell", "warning", "there")
"""Worst first."""
_COMMIT: Final = 12


def of_report(report: Report, checks: Sequence[str], env: str | None) -> Iterator[Table]:
    """What each check found, what has changed, whom it concerns, and at last how many of what."""
    for check in checks:
        found = [each for each in report.findings if each["check"] == check]
        if found:
            yield _of_findings(check if check != SECRETS or env is None else f"what the DAGs need of {env}", found)
    if report.changes:
        yield _of_changes(report.changes, str(report.base))
    if report.runs:
        yield _of_runs(report.runs)
    yield _of_checks(report, [each for each in checks if each != SECRETS or env is not None])


def _of_findings(title: str, findings: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (f"{each['file']}:{each['line']}", each["kind"], each["id"], each["state"], each["reason"])
        for each in sorted(findings, key=lambda each: _STATES.index(each["state"]))
    ]
    return table(title, ("where", "kind", "id", "state", ""), rows)


def _of_changes(changes: Sequence[Mapping[str, Any]], base: str) -> Table:
    rows = [
        (each["effect"], each["dag_id"], each["task_id"], each["kind"], each["before"], each["after"])
        for each in changes
    ]
    columns = ("runs in flight", "DAG", "task", "change", "before", "after")
    return table(f"changes since {base[:_COMMIT]}", columns, rows)


def _of_runs(runs: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            each["dag_id"],
            each["run_id"],
            each["state"],
            each["start_date"] or "-",
            (each["bundle_version"] or "newest")[:_COMMIT],
            f"{each['effect']}: {', '.join(each['changes'])}" if each["changes"] else each["effect"],
        )
        for each in runs
    ]
    return table("runs in flight", ("DAG", "run", "state", "since", "revision", "this change"), rows)


def _of_checks(report: Report, checks: Sequence[str]) -> Table:
    rows = []
    for check in checks:
        counted = Counter(each["state"] for each in report.findings if each["check"] == check)
        rows.append((check, ", ".join(f"{counted[state]} {state}" for state in _STATES if counted[state]) or "nothing"))
    made_by = report.parsed_by
    return table(
        f"checks, by Python {made_by['python']} and Airflow {made_by['packages']['apache-airflow']}",
        ("check", "found"),
        rows,
    )
