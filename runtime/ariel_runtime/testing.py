"""Fixtures for the tests of a team's repository, as a plugin of pytest: `addopts = "-p ariel_runtime.testing"`.

It is named there, and not in a `conftest.py`, since Airflow reads its settings when it is first imported: they are made
before any file of the repository is. Every session has a folder of its own as Airflow's home, the tenant's bundle, the
platform's policies, and nothing of the person's own Airflow. Only `run` uses a database: SQLite in that folder.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from ariel_runtime.environment import ENVIRONMENT, LAPTOP

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.sdk.types import Operator

LOGICAL_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Of what is rendered, unless a test names another."""
_PREFIX: Final = "AIRFLOW_"
_CONNECTION: Final = "AIRFLOW_CONN_"
_VARIABLE: Final = "AIRFLOW_VAR_"
_ISOLATED_BACKEND: Final = "AIRFLOW__ARIEL__ISOLATED_BACKEND"

Give = Callable[[Mapping[str, Any]], None]
Run = Callable[..., dict[str, Any]]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    root = early_config.rootpath
    home = tempfile.TemporaryDirectory(prefix="ariel-tests-")
    early_config.add_cleanup(home.cleanup)
    patch = pytest.MonkeyPatch()
    early_config.add_cleanup(patch.undo)
    for name in [each for each in os.environ if each.startswith(_PREFIX)]:
        patch.delenv(name)
    for name, value in _settings(root, home.name).items():
        patch.setenv(name, value)


def _settings(root: Path, home: str) -> dict[str, str]:
    bundle = {
        "name": _tenant(root),
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(root)},
    }
    return {
        "AIRFLOW_HOME": home,
        "AIRFLOW_CONFIG": os.devnull,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        ENVIRONMENT: LAPTOP,
    }


def _tenant(root: Path) -> str:
    """Of `[tool.ariel]` in the repository's `pyproject.toml`."""
    file = root / "pyproject.toml"
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["ariel"]["tenant"])
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError):
        raise pytest.UsageError(f'{file}: below [tool.ariel] there is no `tenant = "<slug>"`') from None


@pytest.fixture(scope="session")
def dags() -> Mapping[str, DAG]:
    """Every DAG of the repository by its id, as the platform parses and keeps it; a file that it refuses fails here."""
    from airflow.serialization.serialized_objects import DagSerialization

    from ariel_runtime.laptop.bundle import parsed

    bag = parsed()
    if bag.import_errors:
        pytest.fail("\n".join(f"{file}:\n{text}" for file, text in sorted(bag.import_errors.items())), pytrace=False)
    for each in bag.dags.values():
        DagSerialization.to_dict(each)
    return bag.dags


@pytest.fixture
def dag(dags: Mapping[str, DAG]) -> Callable[[str], DAG]:
    """The DAG of an id."""

    def named(dag_id: str) -> DAG:
        if dag_id not in dags:
            pytest.fail(f"no DAG {dag_id!r}; there are: {', '.join(sorted(dags)) or 'none'}", pytrace=False)
        return dags[dag_id]

    return named


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Connections for one test: `connections({"warehouse": {"conn_type": "postgres", "host": "db"}})`."""

    def give(given: Mapping[str, Any]) -> None:
        for conn_id, fields in given.items():
            monkeypatch.setenv(f"{_CONNECTION}{conn_id.upper()}", json.dumps(fields))

    return give


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Variables for one test: `variables({"temperature_unit": "celsius"})`; what is not a text becomes JSON."""

    def give(given: Mapping[str, Any]) -> None:
        for key, value in given.items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"{_VARIABLE}{key.upper()}", text)

    return give


def graph(dag: DAG) -> dict[str, set[str]]:
    """The DAG's shape: task id -> ids of the tasks directly behind it."""
    return {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}


def rendered(task: Operator, *, logical_date: datetime = LOGICAL_DATE, **context: Any) -> dict[str, Any]:
    """The task's template fields as a run of that date sees them; `context` adds to Airflow's own, or replaces it.

    What another task returned is not there: `ti` with an `xcom_pull` of the test's own gives it.
    """
    from ariel_runtime.laptop.unstarted import unstarted

    instance = unstarted(copy.copy(task), run_id=f"manual__{logical_date.isoformat()}", moment=logical_date)
    complete = instance.get_template_context()
    complete.update(context)
    instance.render_templates(complete)
    return {name: getattr(instance.task, name) for name in instance.task.template_fields}


@pytest.fixture(scope="session")
def _database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def run(
    _database: None, dag: Callable[[str], DAG], pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a DAG in this process, with its real operators: `run("team.dag", {"its": "conf"})`.

    Returns what the tasks returned by task id, of a mapped task as a list; fails where the run does. The variables of
    the repository are there, unless the test gave others before; connections are the test's own. Isolated tasks run as
    on a laptop, though they were parsed as on the platform: with their images.
    """
    from ariel_runtime.secrets.repository_files import read

    monkeypatch.setenv(_ISOLATED_BACKEND, "interpreter")
    for key, value in read(pytestconfig.rootpath, LAPTOP).variables.items():
        if f"{_VARIABLE}{key.upper()}" not in os.environ:
            monkeypatch.setenv(f"{_VARIABLE}{key.upper()}", value)

    def run_once(dag_id: str, conf: Mapping[str, Any] | None = None) -> dict[str, Any]:
        ended = dag(dag_id).test(run_conf=dict(conf or {}))
        if ended.state != "success":
            states = {each.task_id: str(each.state) for each in ended.get_task_instances()}
            pytest.fail(f"{dag_id} ended as {ended.state}: {states}; the tasks' logs stand below", pytrace=False)
        return _returned(dag_id, ended.run_id)

    return run_once


def _returned(dag_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found: dict[str, Any] = {}
    wanted = select(XComModel).where(
        XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == "return_value"
    )
    with create_session() as session:
        for row in session.scalars(wanted.order_by(XComModel.map_index)):
            value = XComModel.deserialize_value(row)
            if row.map_index < 0:
                found[row.task_id] = value
            else:
                found.setdefault(row.task_id, []).append(value)
    return found
