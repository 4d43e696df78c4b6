"""The API server's reader of task logs: `[logging] logging_config_class = ariel_runtime.logs.LOGGING_CONFIG`.

A task writes to its tenant's own container, which its settings name; the API server shows the logs of every tenant, so
it chooses the container by the DAG id's prefix. Where a task never wrote, since it got no pod, its log is why: the
reason that the executor gave, which Airflow keeps as an event of the task.

Airflow imports this while it starts, before its models can be imported; hence the imports in functions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.configuration import conf

from ariel_runtime.tenants import RegistryUnreadError, tenant_of_dag

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO

LOGGING_CONFIG: Final[dict[str, Any]] = DEFAULT_LOGGING_CONFIG

_EXECUTORS_EVENT: Final = "state mismatch"
"""What the scheduler calls the event of a task that its executor reports as failed before it ran."""
_REASON: Final = re.compile(r"Extra info: (.*)", re.DOTALL)


class TenantLogReader:
    """Airflow's handler of Azure's blob storage, one per container, and the executor's reasons."""

    processors = ()

    def __init__(self) -> None:
        self._readers: dict[str, WasbRemoteLogIO] = {}

    def read(self, relative_path: str, ti: TaskInstance) -> tuple[list[str], list[str] | None]:
        """Sources and the text of each; no text where nothing was written yet."""
        try:
            container = _container(ti.dag_id)
        except RegistryUnreadError as error:
            return [str(error)], None
        sources, logs = self._reader(container).read(relative_path, ti)
        if logs:
            return sources, logs
        reasons = _reasons(ti)
        return ([*sources, "What the executor reported"], reasons) if reasons else (sources, None)

    def upload(self, path: Any, ti: Any = None) -> None:
        """Nothing: no task runs where this is configured."""

    def _reader(self, container: str) -> WasbRemoteLogIO:
        from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO

        if container not in self._readers:
            self._readers[container] = WasbRemoteLogIO(
                remote_base=conf.get_mandatory_value("logging", "remote_base_log_folder").removeprefix("wasb://"),
                base_log_folder=Path(conf.get_mandatory_value("logging", "base_log_folder")),
                delete_local_copy=False,
                wasb_container=container,
            )
        return self._readers[container]


REMOTE_TASK_LOG: Final = TenantLogReader()
"""Where Airflow looks for the handler: beside the logging configuration."""


def _container(dag_id: str) -> str:
    if tenant := tenant_of_dag(dag_id):
        return tenant.log_container
    return conf.get_mandatory_value("azure_remote_logging", "remote_wasb_log_container")


def _reasons(ti: TaskInstance) -> list[str]:
    """What the executor said of this try; also why Kubernetes or an admission policy refused its pod."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    of_this_try = select(Log.extra).where(
        Log.event == _EXECUTORS_EVENT,
        Log.dag_id == ti.dag_id,
        Log.task_id == ti.task_id,
        Log.run_id == ti.run_id,
        Log.map_index == ti.map_index,
        Log.try_number == ti.try_number,
    )
    with create_session(scoped=False) as session:
        events = session.scalars(of_this_try.order_by(Log.id)).all()
    return [found[1] if (found := _REASON.search(extra)) else extra for extra in events if extra]
