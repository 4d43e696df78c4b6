"""What the DAG `<slug>.connections` tells the page of secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.connections_dag import given_by, read_repository, try_connection
from ariel_runtime.secrets.report import Report

PASSWORD = "correct-horse"  # noqa: S105 - of no one
DAG_FILE = """
from airflow.sdk import DAG, Connection, Variable, task
from ariel_runtime import secrets

with DAG("weather.load"):
    @task
    def load(name="x"):
        Connection.get("drive.one")
        Variable.get(name)

    load()
"""
CONNECTIONS = """
connections: {drive.one: {conn_type: samba, host: one, password: {secret: drive.one}}}
groups: {drives: [drive.one]}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARIEL_ENVIRONMENT", "dev")
    bundle = {"name": "weather", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    for name, text in {
        "dags/load.py": DAG_FILE,
        "dags/broken.py": "from airflow.sdk import DAG\nimport absent_module\n",
        "connections.yaml": CONNECTIONS,
        "variables.dev.yaml": "region: north",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_report_says_what_the_repository_names_and_holds(root: Path) -> None:
    found = read_repository(root, root / "dags", "abc")
    assert Report.model_validate(found.model_dump(mode="json")) == found, "it survives its way through the database"
    assert [(each.file, each.line, each.kind, each.id) for each in found.named] == [
        ("dags/load.py", 8, "connection", "drive.one")
    ]
    assert [(each.line, each.text) for each in found.unknown] == [(9, "name")]
    assert [each.file for each in found.broken] == ["dags/broken.py"], found.broken
    assert found.connections["drive.one"]["password"] == {"secret": "drive.one"}
    assert (dict(found.groups), found.variables, found.revision) == ({"drives": ("drive.one",)}, ("region",), "abc")


def test_files_that_are_wrong_fail_the_task_with_every_problem(root: Path) -> None:
    (root / "connections.yaml").write_text("connections: {drive: {conn_type: samba, password: hunter2}}")
    with pytest.raises(RefusedError, match="a repository keeps no secret"):
        read_repository(root, root / "dags", "abc")


def test_the_pods_environment_gives_what_is_not_the_platforms() -> None:
    names = {
        "AIRFLOW_CONN_ARIEL_LOGS": "",
        "AIRFLOW_CONN_GIT_DEFAULT": "",
        "AIRFLOW_VAR_CITY": "",
        "AIRFLOW__CORE__X": "",
    }
    assert list(given_by(names)) == [("variable", "city")]


def test_a_connection_is_tested_by_its_hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_PROOF", json.dumps({"conn_type": "fs", "host": "here", "extra": {"path": str(tmp_path)}})
    )
    found = try_connection("proof")
    assert (found.id, found.type, found.host, found.ok) == ("proof", "fs", "here", True), found.text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"conn_type": "fs", "extra": {"path": f"/absent/{PASSWORD}"}}, "does not exist"),
        ({"conn_type": "git", "host": f"http://127.0.0.1:1/{PASSWORD}"}, "test_connection"),
        ({"conn_type": "absent"}, "Unknown hook type"),
        (None, "isn't defined"),
    ],
    ids=["not there", "cannot be tested", "no such type", "no such connection"],
)
def test_a_test_that_fails_is_a_result_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, value: dict[str, Any] | None, said: str
) -> None:
    if value:
        monkeypatch.setenv("AIRFLOW_CONN_PROOF", json.dumps({**value, "password": PASSWORD}))
    found = try_connection("proof")
    assert not found.ok
    assert said in found.text
    assert PASSWORD not in found.model_dump_json()
