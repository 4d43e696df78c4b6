"""Whether what a repository's DAGs name is in an environment, told before it is merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.runtime.checks.checkout import answer

DAG = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Variable, dag, task
from airflow.providers.smtp.operators.smtp import EmailOperator
from ariel_runtime import identity, secrets


@dag(dag_id="weather.needs", schedule=None)
def needs():
    @task
    def work():
        Variable.get("in_vault")
        Variable.get("in_repository")
        Variable.get("in_database")
        Variable.get("optional", default=None)
        Variable.get("nowhere")
        Variable.get("disabled")
        secrets.get(str(id(work)))
        identity.application("federated")
        identity.application("certified")
        identity.application("strange")

    BashOperator(task_id="say", bash_command="say.sh")
    EmailOperator(task_id="mail", to="a@example.org", subject="s", html_content="c")
    [work.override(task_id=each.replace(".", "_"))() for each in secrets.group("drives", beside=__file__)]


needs()
import subprocess
subprocess.run(["echo", "printed by a program of the DAG file"], check=True)
"""
CONNECTIONS = """
connections:
  drive.a: {conn_type: samba, host: a, password: {secret: drive.password}}
  drive.b: {conn_type: samba, host: b, password: {secret: absent}}
groups:
  drives: [drive.a, drive.b]
"""
INVENTORY = {
    "environment": "dev",
    "vault": [
        {"kind": "variable", "id": "in_vault", "usable": True},
        {"kind": "variable", "id": "disabled", "usable": False},
        {"kind": "secret", "id": "drive.password", "usable": True},
    ],
    # What the vault refuses is not made good by a namesake.
    "database": [{"kind": "variable", "id": "in_database"}, {"kind": "variable", "id": "disabled"}],
    "applications": {"federated": None, "certified": "certified.pem"},
}


def check(root: Path, home: Path) -> list[dict[str, Any]]:
    return list(answer(root, home, checks=["imports", "policies", "secrets"], inventory=INVENTORY)["findings"])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "a repository"
    (root / "dags").mkdir(parents=True)
    (root / "dags" / "needs.py").write_text(DAG)
    (root / "dags" / "say.sh").write_text("echo {{ var.value.of_a_script }} {{ conn.of_a_script.host }}")
    (root / "connections.yaml").write_text(CONNECTIONS)
    (root / "variables.dev.yaml").write_text("in_repository: Hamburg")
    return root


def test_each_name_is_found_where_it_is_or_missed(repository: Path, tmp_path: Path) -> None:
    findings = check(repository, tmp_path / "home")
    states = {(each["kind"], each["id"]): (each["state"], each["reason"]) for each in findings}
    there = {
        ("variable", "in_vault"): "the vault",
        ("variable", "in_repository"): "the repository's variables",
        ("variable", "in_database"): "Airflow's database",
        ("variable", "optional"): "has a default",
        ("connection", "drive.a"): "connections.yaml",
        ("connection", "drive.b"): "connections.yaml",
        ("secret", "drive.password"): "the vault",
        ("application", "federated"): "the stack file",
        ("application", "certified"): "the stack file",
    }
    assert {key: states.pop(key) for key in there} == {key: ("there", where) for key, where in there.items()}
    assert states.pop(("secret", "str(id(work))"))[0] == "cannot tell"
    assert {key: state for key, (state, _) in states.items()} == {
        ("variable", "nowhere"): "missing",
        ("variable", "disabled"): "missing",
        ("variable", "of_a_script"): "missing",
        ("connection", "of_a_script"): "missing",
        ("secret", "absent"): "missing",
        ("secret", "certified.pem"): "missing",
        ("application", "strange"): "missing",
        # Named by nobody: what the operator takes by default.
        ("connection", "smtp_default"): "missing",
    }
    lines = DAG.splitlines()
    placed = {each["id"]: each for each in findings}
    assert lines[placed["nowhere"]["line"] - 1].strip() == 'Variable.get("nowhere")'
    assert placed["nowhere"]["file"] == "dags/needs.py"
    assert "`ariel secrets set variable nowhere`" in placed["nowhere"]["reason"]


def test_a_provider_that_only_the_image_has_fails_nobody_and_a_file_that_fails_hides_no_other(
    repository: Path, tmp_path: Path
) -> None:
    text = "from airflow.providers.not_here.hooks import OneHook\nOneHook('its_connection')  # dag"
    (repository / "dags" / "wants.py").write_text(text)
    (repository / "dags" / "other.py").write_text("from airflow.sdk import DAG\nother = DAG('mobility.x')")
    found = {each["id"] or each["kind"]: each["state"] for each in check(repository, tmp_path / "home")}
    assert (found["file"], found["its_connection"]) == ("cannot tell", "missing")
    assert (found["mobility.x"], found["nowhere"]) == ("broken", "missing")


def test_a_file_of_connections_that_is_wrong_is_broken(repository: Path, tmp_path: Path) -> None:
    (repository / "connections.yaml").write_text("connections: {a: {conn_type: http, password: hunter2}}")
    findings = check(repository, tmp_path / "home")
    assert "connections.yaml" in {each["file"] for each in findings if each["state"] == "broken"}
    assert "hunter2" not in str(findings)
