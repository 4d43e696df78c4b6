"""Renders a Helm chart with the real Helm, without a cluster, into plain objects."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from components.airflow_values import RELEASE
from sandbox import toolchain

COMPACT_CHART = Path(__file__).parent.parent / "sandbox" / "chart"


def run_helm(values: dict[str, Any], chart: Path, namespace: str = "airflow") -> subprocess.CompletedProcess[str]:
    """`helm template` of the release; does not raise, so that a refusal can be looked at."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        command = [
            str(toolchain.ensure(["helm"])["helm"]),
            "template",
            RELEASE,
            str(chart),
            "--namespace",
            namespace,
            "--values",
            file.name,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def render_chart(values: dict[str, Any], chart: Path, namespace: str = "airflow") -> list[dict[str, Any]]:
    """All objects of the release in the order of the render. Raises with Helm's own words when it refuses."""
    result = run_helm(values, chart, namespace)
    if result.returncode != 0:
        raise AssertionError(f"helm refused {chart.name}: {result.stderr.strip()}")
    return [document for document in yaml.safe_load_all(result.stdout) if document]
