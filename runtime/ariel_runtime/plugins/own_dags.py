"""Brings `ariel_runtime.own_dags` into the API server."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class OwnDagsPlugin(AirflowPlugin):
    name = "ariel_own_dags"

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone: a task pod should not import FastAPI."""
        from ariel_runtime.own_dags import OwnDags

        return [{"name": "own_dags", "middleware": OwnDags}]
