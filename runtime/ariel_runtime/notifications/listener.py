"""Airflow's listener in the scheduler: a run that ends leaves a message for its tenant's triggerer to deliver.

The message is a row of the same transaction as the run's new state: there is one for each end of a run, however many of
its tasks failed, also where no pod lived to tell (killed, never started, timed out). Nothing is sent here, nothing is
waited for. A process that places no tasks follows no tenants, and says nothing.

Airflow imports this in every process that loads plug-ins, so the rest is imported where it is used.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

    from ariel_runtime.notifications.message import Kind, Message
    from ariel_runtime.registry import Tenant

DELIVER: Final = "ariel_runtime.notifications.delivery.deliver"


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    _leave(dag_run, failed=True, reason=msg)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    _leave(dag_run, failed=False, reason=msg)


def _leave(dag_run: DagRun, *, failed: bool, reason: str) -> None:
    from ariel_runtime.notifications.message import REASONS, kind_of
    from ariel_runtime.notifications.routes import targets
    from ariel_runtime.notifications.wishes import wishes
    from ariel_runtime.tenants import followed

    tenant = followed().get(dag_run.dag_id.partition(".")[0])
    if tenant is None or tenant.alerts is None or reason not in REASONS:
        return
    wanted = wishes(dag_run.get_dag().tags)
    kind = kind_of(failed=failed, wanted=wanted)
    if kind is None:
        return
    said = _said(dag_run, tenant, kind, reason)
    _queue(dag_run, tenant, tenant.alerts.channel, said, targets(kind, wanted, tenant.alerts))


def _said(dag_run: DagRun, tenant: Tenant, kind: Kind, reason: str) -> Message:
    from airflow.configuration import conf

    from ariel_runtime.notifications.message import message

    failed = _failed(dag_run)
    return message(
        kind,
        team=tenant.team,
        environment=conf.get("api", "instance_name", fallback=""),
        base_url=conf.get("api", "base_url", fallback=""),
        dag_id=dag_run.dag_id,
        run_id=dag_run.run_id,
        reason=reason,
        failed_tasks=[each.task_id for each in failed],
        log_url=failed[0].log_url if failed else None,
    )


def _failed(dag_run: DagRun) -> list[TaskInstance]:
    """The first failure first."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    of_run = TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
    found = select(TaskInstance).where(*of_run, TaskInstance.state == TaskInstanceState.FAILED)
    session = object_session(dag_run)
    return [] if session is None else list(session.scalars(found.order_by(TaskInstance.end_date)))


def _queue(dag_run: DagRun, tenant: Tenant, channel: str, said: Message, targets: dict[str, str]) -> None:
    """As Airflow queues the call of a missed deadline; `bundle_name` makes it the team's, whom alone it is shown to."""
    from airflow.models.callback import TriggererCallback
    from airflow.sdk.definitions.callback import AsyncCallback
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return
    call = AsyncCallback(DELIVER, kwargs={"channel": channel, "message": asdict(said), "targets": targets})
    callback = TriggererCallback(call, dag_id=dag_run.dag_id)
    callback.bundle_name = tenant.bundle
    callback.queue(session=session)
    session.add(callback)
