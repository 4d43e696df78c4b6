"""`SLUG.diagnostics`: whether a task of this team finds all it needs; on Airflow's page `/hello/`."""

from __future__ import annotations

from ariel_runtime.diagnostics import diagnostics_dag

diagnostics_dag("SLUG")
