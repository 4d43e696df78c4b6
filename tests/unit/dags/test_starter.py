"""The repository with which a team begins passes its own checks, for short and for long slugs, as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from ruamel.yaml import YAML

from stacks.starter import STARTER, write
from tests.unit.dags.test_example_tenants import PARSE, REPOSITORY, airflow
from tests.workflows import unpinned

LONGEST = "harbour-and-waterway"
FIXTURES = '''
"""What the fixtures promise, from within a session of them."""
import os

import pytest
from airflow.configuration import AIRFLOW_HOME, conf
from airflow.sdk import Connection, Variable
from ariel_runtime.testing import LOGICAL_DATE, rendered

from operators.mean_temperature import MeanTemperatureOperator
from airflow.sdk import DAG


def test_nothing_of_the_persons_own_airflow_is_seen():
    assert AIRFLOW_HOME.startswith(os.environ["AIRFLOW_HOME"])
    assert not conf.getboolean("core", "load_examples")
    assert "AIRFLOW_VAR_OF_THE_PERSON" not in os.environ
    assert os.environ["ARIEL_ENVIRONMENT"] == "laptop"


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_one_test_is_given_is_gone_in_the_next(attempt, connections, variables):
    assert not [name for name in os.environ if name.startswith(("AIRFLOW_VAR_", "AIRFLOW_CONN_"))]
    connections({"warehouse": {"conn_type": "postgres", "host": "db", "port": 5432}})
    variables({"plain": "text", "sizes": {"small": 1}})
    assert Connection.get("warehouse").host == "db"
    assert Variable.get("plain") == "text"
    assert Variable.get("sizes", deserialize_json=True) == {"small": 1}


def test_templates_see_the_date_and_what_the_test_adds():
    with DAG("harbour.dates", schedule=None):
        task = MeanTemperatureOperator(task_id="mean", city="{{ ds }}", unit="{{ wanted }}")
    assert rendered(task, wanted="kelvin") == {"city": "2026-01-01", "unit": "kelvin"}
    assert rendered(task, wanted="", logical_date=LOGICAL_DATE.replace(day=2))["city"] == "2026-01-02"
    assert task.city == "{{ ds }}"


def test_an_isolated_task_is_parsed_with_its_image_and_runs_without(dag, run):
    assert dag("harbour.isolated").get_task("airflow_is_there").executor_config == {"ariel": {"image": "python3"}}
    assert run("harbour.isolated") == {"airflow_is_there": False}
'''
ISOLATED = """
from airflow.sdk import DAG, task


@task.isolated(image="python3")
def airflow_is_there():
    import sys

    return "airflow" in sys.modules


with DAG("harbour.isolated", schedule=None):
    airflow_is_there()
"""
BROKEN = """
from airflow.sdk import DAG

with DAG("weather.theirs", schedule=None):
    pass
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "AIRFLOW_VAR_OF_THE_PERSON": "x", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "with space"
    write(folder, "harbour")
    return folder


def test_its_tests_pass_and_its_example_really_runs(repository: Path) -> None:
    """Ours of the fixtures are in the same session: each costs an import of Airflow."""
    (repository / "tests" / "test_fixtures.py").write_text(FIXTURES)
    (repository / "dags" / "isolated.py").write_text(ISOLATED)
    tested = run(repository, "pytest", "-p", "no:cacheprovider", "-m", "integration or not integration", "-v")
    assert tested.returncode == 0, tested.stdout
    passed = re.findall(r"(\S+)::(\w+)\S* PASSED", tested.stdout)
    assert ("tests/integration/test_example_runs.py", "test_it_says_the_mean_in_the_unit_of_variables_yaml") in passed
    assert ("tests/test_fixtures.py", "test_what_one_test_is_given_is_gone_in_the_next") in passed
    assert ("tests/test_fixtures.py", "test_an_isolated_task_is_parsed_with_its_image_and_runs_without") in passed


def test_a_dag_that_the_platform_would_refuse_fails_the_teams_tests(repository: Path) -> None:
    """Otherwise all is green until it is merged."""
    (repository / "dags" / "theirs.py").write_text(BROKEN)
    ended = run(repository, "pytest", "-p", "no:cacheprovider", "-k", "the_platform_takes_every_dag")
    assert ended.returncode == 1, ended.stdout
    assert "dags/theirs.py" in ended.stdout
    assert "begins with 'harbour.'" in ended.stdout


def test_tests_of_a_repository_without_a_tenant_say_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p ariel_runtime.testing"\n')
    ended = run(tmp_path, "pytest")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "[tool.ariel]" in ended.stderr


@pytest.mark.parametrize("slug", ["sea", LONGEST])
def test_it_keeps_its_own_rules(slug: str, tmp_path: Path) -> None:
    write(tmp_path / slug, slug)
    for command in (("check",), ("format", "--check")):
        ended = run(tmp_path / slug, "ruff", *command, "--no-cache", ".")
        assert ended.returncode == 0, ended.stdout


def test_its_types_are_right(repository: Path, tmp_path: Path) -> None:
    """Airflow's own are left out here: to read them takes a minute. The cluster tier's newcomer reads them."""
    options = ("--follow-imports=skip", "--no-warn-unused-ignores", "--cache-dir", str(tmp_path))
    ended = run(repository, "mypy", *options)
    assert ended.returncode == 0, ended.stdout


def test_a_stack_file_that_delivers_the_dags_alone_still_has_their_diagnostics(
    repository: Path, tmp_path: Path
) -> None:
    """`path: dags` is the default; what then cannot be imported must not take the others with it."""
    found = airflow(PARSE, tmp_path, "harbour", "harbour", str(repository / REPOSITORY.path))
    assert found["dags"] == ["harbour.connections", "harbour.diagnostics"]
    assert list(found["errors"]) == ["example.py"]


def test_its_workflows_run_only_actions_that_cannot_change_unseen() -> None:
    files = sorted(STARTER.glob(".github/workflows/*.yml"))
    assert [file.name for file in files] == ["check.yml", "deliver.yml"]
    assert list(unpinned(files)) == []


class Webhook(BaseHTTPRequestHandler):
    """Answers as the platform does, and keeps the keys that it was given."""

    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.keys.append(self.headers["X-Webhook-Key"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"revision": "abc"}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


AZ = """#!/bin/sh
case "$*" in
*airflow-secrets-webhook-key*) echo KEY ;;
*airflow-secrets-webhook-url*) echo "http://127.0.0.1:$PORT/ariel/webhook/harbour" ;;
esac
"""


def test_a_merge_is_announced_with_the_vaults_key_which_no_command_line_or_log_shows(tmp_path: Path) -> None:
    """Those are read by others. The steps of the workflow, with a stand-in for Azure's command line."""
    text = (STARTER / ".github" / "workflows" / "deliver.yml").read_text()
    step = YAML(typ="safe").load(text)["jobs"]["announce"]["steps"][-1]
    (tmp_path / "az").write_text(AZ)
    (tmp_path / "az").chmod(0o755)
    server = HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-exo", "pipefail", "-c", step["run"]],
            env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "VAULT": "kv-harbour",
                "PREFIX": step["env"]["PREFIX"],
                "PORT": str(server.server_port),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert Webhook.keys == ["KEY"]
    assert (tmp_path / "summary").read_text() == done.stdout == '{"revision": "abc"}'
    # bash -x writes every command line to stderr.
    assert "X-Webhook-Key" in done.stderr
    assert "KEY" not in done.stderr
