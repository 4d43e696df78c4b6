"""`python -m ariel_runtime.task ARGUMENT...`: Airflow's own worker, whose start does not look for garbage.

What a start imports is some hundred thousand objects, which all stay. Looking through them for cycles, again and again,
is a seventh of its CPU time; they are also left out of what the task's process, a fork of this one, looks through. The
image's entry point starts this in the place of `airflow.sdk.execution_time.execute_workload`, which the executor names.
"""

from __future__ import annotations

import gc
import logging
from typing import Final

_REQUESTS: Final = "azure.core.pipeline.policies.http_logging_policy"


def leave_out_requests() -> None:
    """Of every request of Azure's libraries a task's log would hold two long lines.

    Airflow's `[logging] namespace_levels` is not for loggers of the standard library.
    """
    logging.getLogger(_REQUESTS).setLevel(logging.WARNING)


def main() -> None:
    leave_out_requests()
    gc.disable()
    # All that the worker imports until its task counts as running; it does so in functions.
    from airflow.executors import base_executor, workloads  # noqa: F401
    from airflow.sdk.execution_time import execute_workload, supervisor  # noqa: F401

    gc.freeze()
    gc.enable()
    execute_workload.main()


if __name__ == "__main__":
    main()
