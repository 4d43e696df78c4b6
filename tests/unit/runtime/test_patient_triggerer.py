"""A triggerer that outlasts a database that is away, and a trigger that it does not know yet."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow import __main__ as airflow_command
from airflow.jobs import triggerer_job_runner
from airflow.jobs.job import Job
from airflow.jobs.triggerer_job_runner import TriggerRunnerSupervisor
from airflow.models.trigger import Trigger
from airflow.triggers.base import TriggerEvent
from airflow.utils import db
from ariel_runtime import patient_triggerer
from ariel_runtime.patient_triggerer import PatientSupervisor, UpToDateRunner
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError, ProgrammingError
from structlog.testing import capture_logs

from tests.unit.runtime.git_remote import Remote

UNKNOWN = "weather.triggers.NotYetHere"
AWAY = OperationalError("DELETE", {}, Exception("server closed the connection"))
CLOSED = InterfaceError("SELECT", {}, Exception("connection already closed"))
LOST = PendingRollbackError("Can't reconnect until invalid transaction is rolled back.")


class ExitedError(BaseException):
    """In the place of the end of this process."""


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> PatientSupervisor:
    monkeypatch.setattr(patient_triggerer, "_LONGEST_PAUSE_SECONDS", 0.01)
    made = PatientSupervisor.__new__(PatientSupervisor)
    made.stop = False
    return made


def fails(errors: list[Exception], calls: list[object]) -> Callable[..., None]:
    """A call that raises each of the errors once, and then works."""

    def work(*arguments: object, **named: object) -> None:
        calls.append((arguments, named))
        if errors:
            raise errors.pop(0)

    return work


def test_an_event_is_stored_once_the_database_is_back(
    supervisor: PatientSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow takes it off its list first, so that a lost event would leave its task deferred for ever."""
    calls: list[object] = []
    monkeypatch.setattr(Trigger, "submit_event", fails([AWAY, CLOSED], calls))
    event = TriggerEvent("ready")
    with capture_logs() as logs:
        supervisor.on_trigger_event(7, event)
    assert calls == [((), {"trigger_id": 7, "event": event})] * 3
    assert [each["event"] for each in logs] == ["The database gives no answer"] * 2


@pytest.mark.parametrize(
    ("statement", "call"),
    [
        ("submit_failure", lambda supervisor: supervisor.on_trigger_failure(7, ["why"])),
        ("clean_unused", lambda supervisor: supervisor.clean_unused()),
    ],
)
def test_every_statement_of_the_loop_is_repeated(
    supervisor: PatientSupervisor,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    call: Callable[[PatientSupervisor], None],
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(Trigger, statement, fails([AWAY], calls))
    call(supervisor)
    assert len(calls) == 2


def test_a_heartbeat_is_repeated(supervisor: PatientSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow catches the error of the lost connection itself, but not what its session says of that at the end."""
    calls: list[object] = []
    supervisor.job = Job()
    supervisor._last_runner_comms = supervisor.runner_health_check_threshold = 0
    monkeypatch.setattr(triggerer_job_runner, "perform_heartbeat", fails([LOST, AWAY], calls))
    supervisor.heartbeat()
    assert len(calls) == 3


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a start replaces for good is put back."""
    monkeypatch.setattr(patient_triggerer, "_LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(triggerer_job_runner, "TriggerRunnerSupervisor", TriggerRunnerSupervisor)
    monkeypatch.setattr(UpToDateRunner, "commit", "", raising=False)
    monkeypatch.setattr(PatientSupervisor, "begun", False)
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.usefixtures("replaced")
def test_a_triggerer_starts_once_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(db, "check", fails([AWAY], calls))

    def airflow() -> int:
        assert len(calls) == 2
        return 7

    monkeypatch.setattr(airflow_command, "main", airflow)
    with pytest.raises(SystemExit) as ended:
        patient_triggerer.main("commit", "folder")
    assert ended.value.code == 7


@pytest.mark.usefixtures("replaced")
def test_a_start_during_which_the_database_goes_away_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the first answer and the loop Airflow has statements of its own; their failure ended the container."""
    monkeypatch.setattr(db, "check", fails([], []))
    monkeypatch.setattr(airflow_command, "main", fails([AWAY], []))
    executed: list[object] = []

    def execute(program: str, command: list[str]) -> None:
        executed.append((program, command))
        raise ExitedError

    monkeypatch.setattr(os, "execv", execute)
    with pytest.raises(ExitedError):
        patient_triggerer.main("commit", "folder")
    assert executed == [(sys.executable, sys.orig_argv)]


@pytest.mark.usefixtures("replaced")
def test_a_triggerer_that_ends_without_an_answer_does_not_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loop waits as long as it may; an error that leaves it comes of an end that somebody asked for."""
    monkeypatch.setattr(db, "check", fails([], []))
    monkeypatch.setattr(TriggerRunnerSupervisor, "start", classmethod(lambda _: None))

    def airflow() -> int:
        triggerer_job_runner.TriggerRunnerSupervisor.start()
        raise AWAY

    monkeypatch.setattr(airflow_command, "main", airflow)
    with pytest.raises(OperationalError):
        patient_triggerer.main("commit", "folder")


def test_a_triggerer_that_is_to_stop_waits_for_no_database(
    supervisor: PatientSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.stop = True
    calls: list[object] = []
    monkeypatch.setattr(Trigger, "clean_unused", fails([AWAY], calls))
    with pytest.raises(OperationalError):
        supervisor.clean_unused()
    assert len(calls) == 1


def test_what_the_database_refuses_is_not_repeated(
    supervisor: PatientSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    refused = ProgrammingError("DELETE", {}, Exception("permission denied"))
    monkeypatch.setattr(Trigger, "clean_unused", fails([refused], calls))
    with pytest.raises(ProgrammingError):
        supervisor.clean_unused()
    assert len(calls) == 1


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path))
    (tmp_path / "triggerer").mkdir()
    with Remote.served(tmp_path / "remote") as made:
        bundle = {"kwargs": {"repo_url": made.url, "tracking_ref": "main", "subdir": "", "refresh_interval": 20}}
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        yield made


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> UpToDateRunner:
    def exits(status: int) -> None:
        raise ExitedError(status)

    monkeypatch.setattr(os, "_exit", exits)
    return UpToDateRunner()


def test_a_trigger_of_a_newer_revision_ends_the_runner_rather_than_the_task(
    runner: UpToDateRunner, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UpToDateRunner, "commit", "older", raising=False)
    with pytest.raises(ExitedError) as ended:
        runner.get_trigger_by_classpath(UNKNOWN)
    assert ended.value.args == (os.EX_TEMPFAIL,)


def test_a_trigger_that_the_newest_revision_lacks_is_a_fault_of_its_task(
    runner: UpToDateRunner, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UpToDateRunner, "commit", remote.write("# newest"), raising=False)
    with pytest.raises(ImportError):
        runner.get_trigger_by_classpath(UNKNOWN)


def test_a_mirror_that_is_away_ends_nothing(
    runner: UpToDateRunner, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UpToDateRunner, "commit", "older", raising=False)
    remote.daemon.stop()
    with pytest.raises(ImportError):
        runner.get_trigger_by_classpath(UNKNOWN)


def test_airflow_still_makes_its_runner_and_supervisor_by_these_names() -> None:
    """`run_in_process` and the module's global name are what ours replaces."""
    assert "TriggerRunnerSupervisor" in triggerer_job_runner.TriggererJobRunner._execute.__code__.co_names
    assert "TriggerRunner" in triggerer_job_runner.TriggerRunnerSupervisor.run_in_process.__code__.co_names
