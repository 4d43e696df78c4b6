"""Airflow's listener that names the team in each line of a task's, a processor's or a triggerer's log.

Airflow itself binds DAG, task, run and try, just before it calls this.
"""

from __future__ import annotations

from airflow.listeners import hookimpl


@hookimpl
def on_starting(component: object) -> None:
    from structlog.contextvars import bind_contextvars

    from ariel_runtime.policies import own_slug

    if slug := own_slug():
        bind_contextvars(team=slug)
