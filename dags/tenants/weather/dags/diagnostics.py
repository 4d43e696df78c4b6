"""`weather.diagnostics`: whether a task finds all it needs, and the weather; on Airflow's page `/hello/`."""

from __future__ import annotations

from ariel_runtime.diagnostics import Place, diagnostics_dag

diagnostics_dag("weather", forecast=Place("Hamburg", 53.55, 9.99))
