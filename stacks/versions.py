"""The one table of versions. A stack file may choose only from what stands here."""

from __future__ import annotations

from typing import Final

AIRFLOW: Final = "3.3.2"
AIRFLOW_CHART: Final = "1.22.0"
AIRFLOW_CHART_REPOSITORY: Final = "https://airflow.apache.org"
POSTGRESQL: Final = "17"
KUBERNETES: Final = "1.36"

SUPPORTED_PAIRS: Final = frozenset({(AIRFLOW, AIRFLOW_CHART)})
"""(Airflow, chart) pairs whose values and render are pinned by tests."""

SUPPORTED_POSTGRESQL: Final = frozenset({"16", "17"})
"""Majors that Airflow 3.3 supports and that Flexible Server offers with Entra sign-in."""

SUPPORTED_KUBERNETES: Final = frozenset({"1.34", "1.35", "1.36"})
"""AKS minors; the sandbox runs KUBERNETES."""
