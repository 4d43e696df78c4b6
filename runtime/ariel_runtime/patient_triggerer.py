"""`python -m ariel_runtime.patient_triggerer COMMIT FOLDER ARGUMENT...`: `airflow ARGUMENT...`, but more patient.

Airflow's own triggerer ends at the first statement that the database does not answer, and fails a task whose trigger
it cannot import. This one waits for the database, and asks first whether the mirror has a revision newer than COMMIT,
which lies in FOLDER: a task of that revision may be deferred before the triggerer has seen it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Final, Self

import structlog
import tenacity
from airflow.jobs import triggerer_job_runner
from airflow.jobs.triggerer_job_runner import TriggerRunner, TriggerRunnerSupervisor
from airflow.triggers.base import BaseTrigger, TriggerEvent
from airflow.utils import db
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

from ariel_runtime.git import GitError
from ariel_runtime.task import leave_out_requests
from ariel_runtime.triggerer import Bundle

_LONGEST_PAUSE_SECONDS: Final = 5.0
_UNANSWERED: Final = (OperationalError, InterfaceError, PendingRollbackError)
"""The last is what a session says whose connection was lost, where Airflow goes on with it all the same."""
_LOG = structlog.get_logger(__name__)


def answered(stop: Callable[[], bool], work: Callable[..., None], *arguments: object) -> None:
    """Repeat what the database does not answer until it does, or until `stop`; then raise its last error."""
    tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_UNANSWERED),
        wait=tenacity.wait_exponential(multiplier=0.5, max=_LONGEST_PAUSE_SECONDS),
        stop=lambda _: stop(),
        before_sleep=lambda state: _LOG.warning("The database gives no answer", attempt=state.attempt_number),
        reraise=True,
    )(work, *arguments)


class PatientSupervisor(TriggerRunnerSupervisor):
    """Repeats what the database did not answer until it does, or until the triggerer is to stop.

    The liveness probe ends a wait without end. An event is repeated too: Airflow has taken it off its list by then.
    """

    begun: ClassVar[bool] = False
    """Whether there is one: before it Airflow asks the database some things by itself."""

    @classmethod
    def start(cls, *arguments: Any, **named: Any) -> Self:
        cls.begun = True
        return super().start(*arguments, **named)

    def load_triggers(self) -> None:
        self._answered(super().load_triggers)

    def on_trigger_event(self, trigger_id: int, event: TriggerEvent) -> None:
        self._answered(super().on_trigger_event, trigger_id, event)

    def on_trigger_failure(self, trigger_id: int, exc: list[str] | None) -> None:
        self._answered(super().on_trigger_failure, trigger_id, exc)

    def clean_unused(self) -> None:
        self._answered(super().clean_unused)

    def heartbeat(self) -> None:
        self._answered(super().heartbeat)

    def _answered(self, work: Callable[..., None], *arguments: object) -> None:
        answered(lambda: self.stop, work, *arguments)

    @classmethod
    def run_in_process(cls) -> None:
        leave_out_requests()
        UpToDateRunner().run()


class UpToDateRunner(TriggerRunner):
    """Ends, for its triggers to begin anew with newer code, where a trigger is unknown to the code that it has."""

    commit: ClassVar[str]

    def get_trigger_by_classpath(self, classpath: str) -> type[BaseTrigger]:
        try:
            return super().get_trigger_by_classpath(classpath)
        except ImportError:
            if self._has_newer():
                _LOG.warning("A newer revision may have this trigger", classpath=classpath, running=self.commit)
                # Not an exception: the caller takes each for a fault of the trigger.
                os._exit(os.EX_TEMPFAIL)
            raise

    def _has_newer(self) -> bool:
        try:
            return Bundle.of_environment().newest() != self.commit
        except GitError as error:
            _LOG.warning("The mirror gives no answer", error=str(error))
            return False


def main(commit: str, folder: str) -> None:
    # Last, as Airflow does where it parses and runs DAGs: the tenant's modules hide none of the image.
    sys.path.append(folder)
    UpToDateRunner.commit = commit
    triggerer_job_runner.TriggerRunnerSupervisor = PatientSupervisor  # type: ignore[misc]  # Airflow names the class, not a setting

    from airflow.__main__ import main as airflow

    answered(lambda: False, db.check)
    try:
        sys.exit(airflow())
    except _UNANSWERED:
        if PatientSupervisor.begun:
            raise
        _LOG.warning("The database gave no answer to the triggerer's start, which begins anew")
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very command


if __name__ == "__main__":
    main(sys.argv.pop(1), sys.argv.pop(1))
