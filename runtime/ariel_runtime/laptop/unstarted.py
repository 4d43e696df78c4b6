"""A task of a run that nobody started, for who only wants to see its template fields; it stands in no database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType, TIRunContext
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

if TYPE_CHECKING:
    from airflow.sdk.types import Operator


def unstarted(
    task: Operator,
    *,
    run_id: str,
    moment: datetime,
    conf: dict[str, Any] | None = None,
    kind: type[RuntimeTaskInstance] = RuntimeTaskInstance,
) -> RuntimeTaskInstance:
    """The task's instance in a manual run; all dates of the run are that `moment`."""
    run = DagRun(
        dag_id=task.dag_id,
        run_id=run_id,
        logical_date=moment,
        data_interval_start=moment,
        data_interval_end=moment,
        run_after=moment,
        start_date=moment,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        conf=conf,
        consumed_asset_events=[],
        partition_key=None,
    )
    return kind.model_construct(
        id=uuid4(),
        task_id=task.task_id,
        dag_id=run.dag_id,
        run_id=run.run_id,
        try_number=1,
        map_index=-1,
        dag_version_id=uuid4(),
        task=task,
        start_date=moment,
        _ti_context_from_server=TIRunContext(dag_run=run, max_tries=0),
    )
