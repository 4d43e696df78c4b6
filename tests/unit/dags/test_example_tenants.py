"""The example repositories as the platform runs them: parsed from their bundle's folder, with the policies in force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

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
REPORT = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag

slug, folder = sys.argv[1:]
bag = BundleDagBag(folder, bundle_name=slug, bundle_path=Path(folder))
print(json.dumps(bag.dags[f"{slug}.diagnostics"].get_task("report").python_callable()))
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
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle_list(slug, REPOSITORY, team=True),
    }
    command = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
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


@pytest.mark.parametrize("slug", TENANTS)
def test_the_diagnostics_say_where_and_when_and_draw_it(slug: str, tmp_path: Path) -> None:
    folder = ROOT / "dags" / "tenants" / slug / REPOSITORY.path
    report = airflow(REPORT, tmp_path, slug, slug, str(folder))
    assert report["text"].startswith(f"ariel test: {slug}.diagnostics ran at 20")
    picture = ElementTree.fromstring(report["picture"])  # noqa: S314  drawn by the DAG of this repository
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    stamp = report["text"].partition("ran at ")[2].partition(" in ")[0]
    assert f"ariel test, {stamp}" in texts


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
