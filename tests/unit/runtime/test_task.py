"""The start of a worker and of triggers: no looks through what was just imported, no lines that tell nobody a thing."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator

import pytest
from airflow.sdk.execution_time import execute_workload
from ariel_runtime import task
from ariel_runtime.patient_triggerer import PatientSupervisor, UpToDateRunner
from azure.core.pipeline.policies import HttpLoggingPolicy

REQUESTS = HttpLoggingPolicy().logger.name


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Each test begins with the level of a new process, and this process goes on with the one that it had."""
    logger = logging.getLogger(REQUESTS)
    level = logger.level
    logger.setLevel(logging.NOTSET)
    yield
    logger.setLevel(level)


def test_the_collector_rests_while_a_task_imports_and_works_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each start pays for looks through all of Airflow; a task without a collector grows until it is killed."""
    seen = []
    monkeypatch.setattr(gc, "freeze", lambda: seen.append(("imported", gc.isenabled())))
    monkeypatch.setattr(execute_workload, "main", lambda: seen.append(("running", gc.isenabled())))
    task.main()
    assert seen == [("imported", False), ("running", True)]


@pytest.mark.parametrize("start", [task.main, PatientSupervisor.run_in_process], ids=["task", "trigger"])
def test_each_request_of_azures_libraries_is_no_line_of_a_log_and_a_warning_is_one(
    start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a deferred task's trigger says stands in the task's log, too."""
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(execute_workload, "main", lambda: None)
    monkeypatch.setattr(UpToDateRunner, "run", lambda _: None)
    start()
    assert not logging.getLogger(REQUESTS).isEnabledFor(logging.INFO)
    assert logging.getLogger(REQUESTS).isEnabledFor(logging.WARNING)
    assert logging.getLogger("azure.identity").level == logging.NOTSET
