"""What is said of a run that has ended: a plain value, which travels from the scheduler to the tenant's triggerer.

It holds names, states and links. What a task printed or raised is not in it, so no secret can be: the log has that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from ariel_runtime.notifications.wishes import Wishes

_MOST_TASKS: Final = 5

REASONS: Final = {
    "task_failure": "a task failed",
    "all_tasks_deadlocked": "no task could go on",
    "timed_out": "it took longer than its time-out",
    "success": "",
}
"""Why the scheduler ended a run, by Airflow's word. A state that a person sets by hand has none of these."""


class Kind(StrEnum):
    FAILURE = "failure"
    CRITICAL = "critical"
    SUCCESS = "success"


@dataclass(frozen=True, kw_only=True)
class Message:
    """All of it plain text, numbers and lists: it is kept as JSON, and the channel `webhook` sends it as it is."""

    kind: str
    team: str
    environment: str
    dag_id: str
    run_id: str
    tasks: list[str]
    """Those that failed, a mapped one once with its number; the first ones only."""
    run_url: str
    log_url: str | None
    """Of the task that failed first."""
    text: str
    """The same for people."""


def kind_of(*, failed: bool, wanted: Wishes) -> Kind | None:
    """Which message an end of a run is worth; None for none."""
    if wanted.silent or not (failed or wanted.success):
        return None
    if not failed:
        return Kind.SUCCESS
    return Kind.CRITICAL if wanted.critical else Kind.FAILURE


def message(
    kind: Kind,
    *,
    team: str,
    environment: str,
    base_url: str,
    dag_id: str,
    run_id: str,
    reason: str,
    failed_tasks: Sequence[str],
    log_url: str | None,
) -> Message:
    """`base_url` is Airflow's; `failed_tasks` are ids, the first failure first, a mapped one as often as it failed."""
    run_url = f"{base_url.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id)}"
    tasks = [f"{task} ({count})" if count > 1 else task for task, count in Counter(failed_tasks).items()]
    shown, left = tasks[:_MOST_TASKS], len(tasks[_MOST_TASKS:])
    said = {Kind.FAILURE: "failed", Kind.CRITICAL: "failed, which is critical", Kind.SUCCESS: "succeeded"}[kind]
    lines = [
        f"{dag_id} {said} in {environment}" + (f": {REASONS[reason]}" if REASONS[reason] else ""),
        f"Run: {run_id}",
        f"Failed tasks: {', '.join(shown)}" + (f" and {left} more" if left else "") if shown else "",
        run_url,
        f"Log: {log_url}" if log_url else "",
    ]
    return Message(
        kind=kind.value,
        team=team,
        environment=environment,
        dag_id=dag_id,
        run_id=run_id,
        tasks=shown,
        run_url=run_url,
        log_url=log_url,
        text="\n".join(filter(None, lines)),
    )


def title(text: str) -> str:
    """What stands for a message's text where there is room for a line."""
    return text.partition("\n")[0]
