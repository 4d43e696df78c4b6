"""The worker's start: Airflow's own, without looks through what it has just imported."""

from __future__ import annotations

import gc

import pytest
from airflow.sdk.execution_time import execute_workload
from ariel_runtime import task


def test_the_collector_rests_while_a_task_imports_and_works_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each start pays for looks through all of Airflow; a task without a collector grows until it is killed."""
    seen = []
    monkeypatch.setattr(gc, "freeze", lambda: seen.append(("imported", gc.isenabled())))
    monkeypatch.setattr(execute_workload, "main", lambda: seen.append(("running", gc.isenabled())))
    task.main()
    assert seen == [("imported", False), ("running", True)]
