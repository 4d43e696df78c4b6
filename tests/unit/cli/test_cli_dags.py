"""`ariel dags check`: what it asks, how it ends, and what a pull request shows."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import checks, dags
from cli.app import app
from stacks.errors import UsageError

LISTING = {
    "secrets": [
        {"kind": "variable", "id": "there", "enabled": True, "expires": None},
        {"kind": "variable", "id": "expired", "enabled": True, "expires": "2020-01-01T00:00:00Z"},
    ]
}
VARIABLES = [
    {"key": "of_others", "value": "hunter2", "team_name": "mobility"},
    {"key": "of_the_database", "value": "hunter2", "team_name": None},
]
PARTNER = SimpleNamespace(certificate="partner.pem")
DAG = """
from airflow.sdk import Variable, dag, task
from ariel_runtime import identity


@dag(dag_id="weather.needs", schedule=None)
def needs():
    @task
    def work():
        Variable.get("there")
        Variable.get("of_the_database")
        Variable.get(work.name)
        MORE

    work()


needs()
"""


class Api:
    def call(self, method: str, path: str, *, query: Any = None) -> dict[str, Any]:
        answers: dict[str, dict[str, Any]] = {
            "/ariel/secrets/weather": LISTING,
            "/api/v2/connections": {"connections": [], "total_entries": 0},
        }
        if path == "/api/v2/variables":
            # One in each answer, as if Airflow allowed no more.
            return {"variables": VARIABLES[query["offset"] :][:1], "total_entries": len(VARIABLES)}
        return answers[path]


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    weather = SimpleNamespace(repository=SimpleNamespace(path="dags"), applications={"partner": PARTNER})
    session = SimpleNamespace(
        stack="local", settings=SimpleNamespace(tenants={"weather": weather}), running_platform=Api
    )
    monkeypatch.setattr(dags, "open_session", lambda env: session)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / "dags").mkdir()
    return tmp_path


def check(repository: Path, more: str, *options: str, tenant: str = "weather") -> Result:
    (repository / "dags" / "needs.py").write_text(DAG.replace("MORE", more))
    arguments = ["dags", "check", "--tenant", tenant, "--repository", str(repository), "--json", *options]
    return CliRunner().invoke(app, arguments)


def states(done: Result) -> dict[str, str]:
    return {each["id"]: each["state"] for each in json.loads(done.stdout)["findings"]}


def test_all_there_ends_well_and_what_cannot_be_told_fails_nobody(repository: Path) -> None:
    done = check(repository, "pass")
    assert (done.exit_code, done.exception) == (0, None)
    assert states(done) == {"there": "there", "of_the_database": "there", "work.name": "cannot tell"}
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize("name", ["absent", "expired", "of_others"])
def test_what_the_environment_does_not_give_this_team_fails_the_check(repository: Path, name: str) -> None:
    done = check(repository, f"Variable.get({name!r})")
    assert done.exit_code == 1
    assert states(done)[name] == "missing"


def test_a_file_that_ends_the_process_fails_the_check_with_a_reason(repository: Path) -> None:
    (repository / "dags" / "ends.py").write_text("import os  # an airflow dag\nos._exit(3)")
    done = check(repository, "pass")
    assert isinstance(done.exception, checks.CheckError)
    assert str(repository) in str(done.exception)


def test_a_pull_request_shows_each_finding_at_its_line() -> None:
    place = {"file": "dags/needs.py", "line": 12, "kind": "variable"}
    found = [
        {**place, "id": "a", "state": "missing", "reason": "100%\nsure"},
        {**place, "id": "b", "state": "cannot tell", "reason": "dynamic"},
        {**place, "id": "c", "state": "there", "reason": ""},
    ]
    assert list(checks.workflow_commands(found)) == [
        "::error file=dags/needs.py,line=12::variable a: missing; 100%25%0Asure",
        "::warning file=dags/needs.py,line=12::variable b: cannot tell; dynamic",
    ]


def test_wrong_usage_is_said_before_anything_is_asked(repository: Path) -> None:
    assert isinstance(check(repository, "pass", tenant="absent").exception, UsageError)
    (repository / "dags" / "needs.py").unlink()
    (repository / "dags").rmdir()
    arguments = ["dags", "check", "--tenant", "weather", "--repository", str(repository)]
    assert isinstance(CliRunner().invoke(app, arguments).exception, UsageError)
