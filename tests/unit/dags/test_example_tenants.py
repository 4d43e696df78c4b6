"""The example repositories as the platform runs them: parsed from their bundle's folder, with the policies in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.diagnostics.report import Report

from cli import smoke
from components.tenant_airflow import bundle_list
from stacks.tenant import Repository

ROOT = Path(__file__).parents[3]
TENANTS = {
    "weather": {
        "weather.connections",
        "weather.diagnostics",
        "weather.forecast",
        "weather.tutorial",
        "weather.tutorial_taskflow_api",
    },
    "mobility": {"mobility.connections", "mobility.diagnostics", "mobility.trips"},
}
PASSWORD = "correct-horse"  # noqa: S105 - of no one
REPOSITORY = Repository.model_validate({"url": "https://git.example.org/dags.git"})

PARSE = """
import json, sys
from pathlib import Path
from airflow import settings
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.serialized_objects import DagSerialization
from ariel_runtime import policies

slug, folder = sys.argv[1:]
if not any(plugin is policies for plugin in settings.get_policy_plugin_manager().get_plugins()):
    settings.get_policy_plugin_manager().register(policies)
bag = BundleDagBag(folder, bundle_name=slug, bundle_path=Path(folder))
serialised = {each: DagSerialization.to_dict(dag) for each, dag in bag.dags.items()}
print(json.dumps({"errors": bag.import_errors, "dags": sorted(serialised)}))
"""
RUN = """
import json, os, sys
from pathlib import Path

slug, folder = sys.argv[1:]
local = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": folder}}
os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps([{"name": slug, **local}])
os.environ["AIRFLOW__ARIEL__ISOLATED_BACKEND"] = "interpreter"
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.xcom import XComModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session

initdb()
dag = BundleDagBag(folder, bundle_name=slug, bundle_path=Path(folder)).dags[f"{slug}.diagnostics"]
# Given by the pod's environment, before what a task has written.
os.environ[f"AIRFLOW_VAR_{slug}.DIAGNOSTICS".upper()] = "of somebody else"
os.environ["ARIEL_ALERTS"] = json.dumps({"channel": "slack", "target": "#mobility"})
os.environ["AIRFLOW_CONN_ALERTS"] = json.dumps({"conn_type": "slack", "password": "correct-horse"})
ended = dag.test()
with create_session() as session:
    values = session.query(XComModel.value).filter_by(run_id=ended.run_id, task_id="report", key="return_value")
    print(json.dumps({"state": ended.state, "report": values.one()[0]}), flush=True)
# What Airflow says at its exit is no result.
os._exit(0)
"""


def airflow(script: str, tmp_path: Path, slug: str, *arguments: str) -> Any:
    """The last line that a process of the tenant prints: each tenant has its own, as modules of one name may differ."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONFIG": os.devnull,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MULTI_TEAM": "True",
        "AIRFLOW__API__INSTANCE_NAME": "ariel test",
        "ARIEL_ENVIRONMENT": "laptop",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle_list(slug, REPOSITORY, team=True),
    }
    command = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize("slug", TENANTS)
def test_a_repository_parses_without_an_error(slug: str, tmp_path: Path) -> None:
    folder = ROOT / "dags" / "tenants" / slug / REPOSITORY.path
    assert airflow(PARSE, tmp_path, slug, slug, str(folder)) == {"errors": {}, "dags": sorted(TENANTS[slug])}


def test_another_tenants_repository_is_refused(tmp_path: Path) -> None:
    """Otherwise whoever copies a DAG file would take the DAG over."""
    folder = ROOT / "dags" / "tenants" / "mobility" / REPOSITORY.path
    found = airflow(PARSE, tmp_path, "weather", "weather", str(folder))
    assert found["dags"] == []
    assert all("begins with 'weather.'" in message for message in found["errors"].values())
    assert len(found["errors"]) == len(TENANTS["mobility"])


def test_the_diagnostics_fail_with_a_part_that_fails_and_report_all_the_same(tmp_path: Path) -> None:
    """As on a laptop, where nothing of Azure is there; a run that says success would be believed."""
    slug = "mobility"
    folder = ROOT / "dags" / "tenants" / slug / REPOSITORY.path
    found = airflow(RUN, tmp_path, slug, slug, str(folder))
    report = Report.model_validate(found["report"])
    assert report.text.startswith(f"ariel test: {slug}.diagnostics ran at 20")
    assert {each.part: each.state.value for each in report.findings} == {
        "execution": "ok",
        "identity": "absent",
        "secret": "absent",
        "database": "failed",
        "xcom": "ok",
        "isolated": "ok",
        "notification": "ok",
        "forecast": "absent",
    }
    assert {each.part for each in report.findings} == set(smoke.PARTS), "`ariel smoke` waits for other parts"
    for secret in ("of somebody else", PASSWORD):
        assert secret not in json.dumps(found), "a value that may be a secret is shown"
    assert found["state"] == "failed"


@pytest.mark.parametrize("slug", TENANTS)
def test_the_teams_own_tests_pass(slug: str, tmp_path: Path) -> None:
    repository = ROOT / "dags" / "tenants" / slug
    environment = {**os.environ, "PYTHONPATH": str(repository / "dags"), "AIRFLOW_HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(repository),
        "-c",
        os.devnull,
    ]
    ended = subprocess.run(
        [*command, str(repository / "tests")], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout
