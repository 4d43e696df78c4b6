"""Brings `ariel_runtime.own_dags` into the API server of an Airflow that several teams share."""

from __future__ import annotations

from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin


class OwnDagsPlugin(AirflowPlugin):
    """Nothing on a laptop, where one team has it all and callbacks ask too, which are no tasks."""

    name = "ariel_own_dags"

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone: a task pod should not import FastAPI."""
        if not conf.getboolean("core", "multi_team"):
            return []
        from ariel_runtime.own_dags import OwnDags

        return [{"name": "own_dags", "middleware": OwnDags}]
