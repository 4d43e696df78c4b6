"""A task pod's writer of its log: `[logging] logging_config_class = ariel_runtime.task_logs.LOGGING_CONFIG`.

Airflow's default finds the writer by reading the descriptions of all providers and imports Azure's libraries, all
before the task counts as running. This one knows the writer, and imports it when the log is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import os

    from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

LOGGING_CONFIG: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask_secrets_core": {"()": "airflow._shared.secrets_masker._secrets_masker"}},
    "handlers": {"task": {"class": "logging.NullHandler"}},
    "loggers": {"airflow.task": {"handlers": ["task"], "propagate": True}},
    "root": {"level": "INFO", "filters": ["mask_secrets_core"]},
}
"""The process writes its lines by structlog. Airflow demands a handler `task`, by which only its UI would read."""


class TaskLogWriter:
    """The provider's writer, made from Airflow's settings at first use."""

    processors = ()

    def upload(self, path: os.PathLike[str] | str, ti: RuntimeTaskInstanceProtocol | None = None) -> None:
        self._provider().upload(path, ti)

    def read(self, relative_path: str, ti: RuntimeTaskInstanceProtocol) -> tuple[list[str], list[str] | None]:
        sources, logs = self._provider().read(relative_path, ti)
        return sources, logs

    @staticmethod
    def _provider() -> WasbRemoteLogIO:
        from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO

        return WasbRemoteLogIO.from_config()


REMOTE_TASK_LOG: Final = TaskLogWriter()
"""Where Airflow looks for the writer: beside the logging configuration."""
