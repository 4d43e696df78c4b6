"""`ariel dags check`: what it asks, what it compares with, how it ends, and what a pull request shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import checks, child_images, child_lock, console, dags, image_python, in_flight, source_checks
from cli.app import app
from stacks.errors import MachineError, Problem, UsageError
from stacks.versions import AIRFLOW
from tests.git_variables import git_as

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
DELIVERED = ["none yet"]
"""The commit that the environment has is the last."""
RUNS = [
    {"dag_id": "weather.needs", "dag_run_id": run, "state": "running", "start_date": None, "bundle_version": commit}
    for run, commit in (("pinned", "a" * 40), ("free", None))
]
PROVIDERS = [{"package_name": "ariel-runtime", "version": "0.0.0"}]
"""The runtime is one by its decorator."""
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
            "/api/v2/version": {"version": "3.3.1"},
            "/api/v2/providers": {"providers": PROVIDERS, "total_entries": len(PROVIDERS)},
            "/api/v2/dags": {"dags": [{"bundle_version": DELIVERED[-1]}], "total_entries": 1},
            "/api/v2/dags/~/dagRuns": {"dag_runs": RUNS, "total_entries": len(RUNS)},
        }
        if path == "/api/v2/variables":
            # One in each answer, as if Airflow allowed no more.
            return {"variables": VARIABLES[query["offset"] :][:1], "total_entries": len(VARIABLES)}
        return answers[path]


def without_python(report: object) -> Path:
    """As on a machine that has another Python than the image."""
    action = "install it, as by `uv python install 3.99`"
    raise MachineError([Problem(path="Python 3.99", value="none found", rule="as in the image", action=action)])


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    weather = SimpleNamespace(
        repository=SimpleNamespace(path="dags", branch="main"),
        processor=SimpleNamespace(import_timeout=30),
        applications={"partner": PARTNER},
    )
    session = SimpleNamespace(
        stack="local", settings=SimpleNamespace(tenants={"weather": weather}), running_platform=Api
    )
    monkeypatch.setattr(dags, "open_session", lambda env: session)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setattr(image_python, "ensure", without_python)
    (tmp_path / "dags").mkdir()
    return tmp_path


def check(repository: Path, more: str, *options: str, tenant: str = "weather") -> Result:
    """Of secrets, if the options say nothing else."""
    (repository / "dags" / "needs.py").write_text(DAG.replace("MORE", more))
    options = options or ("--only", "secrets")
    arguments = ["dags", "check", "--tenant", tenant, "--repository", str(repository), "--json", *options]
    return CliRunner().invoke(app, arguments)


def commit(repository: Path) -> str:
    environment = {**os.environ, **git_as("a@example.org")}
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=x"]):
        subprocess.run(["git", *command], cwd=repository, env=environment, check=True)
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    return found.stdout.strip()


def states(done: Result) -> dict[str, str]:
    return {each["id"]: each["state"] for each in json.loads(done.stdout)["findings"]}


def test_all_there_ends_well_and_what_cannot_be_told_fails_nobody(repository: Path) -> None:
    done = check(repository, "pass")
    assert (done.exit_code, done.exception) == (0, None)
    assert states(done) == {"there": "there", "of_the_database": "there", "work.name": "cannot tell"}
    assert "hunter2" not in done.stdout


def test_what_the_environment_does_not_give_this_team_fails_the_check(repository: Path) -> None:
    names = ("absent", "expired", "of_others")
    done = check(repository, "; ".join(f"Variable.get({name!r})" for name in names))
    assert done.exit_code == 1
    assert {states(done)[name] for name in names} == {"missing"}


def test_a_task_that_went_and_a_file_that_moved_are_compared_with_what_the_environment_has(repository: Path) -> None:
    """What breaks the run that is pinned spares the one that is not, and the other way round."""
    check(repository, "pass", "--only", "ids")
    DELIVERED.append(commit(repository))
    (repository / "dags" / "needs.py").rename(repository / "dags" / "moved.py")
    text = (repository / "dags" / "moved.py").read_text().replace("work", "labour")
    (repository / "dags" / "moved.py").write_text(text)
    arguments = ["dags", "check", "--tenant", "weather", "--repository", str(repository), "--json", "--deployed"]
    done = CliRunner().invoke(app, [*arguments, "--only", "rehydration", "--only", "imports"])
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert told["base"] == DELIVERED[-1]
    assert [(each["kind"], each["effect"]) for each in told["changes"]] == [
        ("file moved", "breaks"),
        ("task gone", "safe"),
        ("task added", "new"),
    ]
    assert [(each["run_id"], each["effect"], each["changes"]) for each in told["runs"]] == [
        ("free", "breaks", ["task gone"]),
        ("pinned", "breaks", ["file moved"]),
    ]
    hits = {each["kind"]: each["reason"] for each in told["findings"] if each["check"] == "rehydration"}
    assert hits["file moved"].endswith("; hits pinned")
    assert hits["task gone"].endswith("; hits free")
    python, *versions = (each for each in told["findings"] if each["check"] == "imports")
    assert [(each["state"], each["id"]) for each in versions] == [
        ("warning", "apache-airflow"),
        ("warning", "ariel-runtime"),
    ], "a run's next task would meet another runtime, and nobody was told"
    assert "the environment has 0.0.0" in versions[1]["reason"]
    assert (python["state"], python["id"]) == ("warning", told["parsed_by"]["python"])
    assert "uv python install" in python["reason"], "an author would trust a check by another Python"


def test_without_any_platform_a_repository_says_itself_whose_it_is(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dags, "open_session", None)
    monkeypatch.setattr(console, "out", Console(width=200))
    (repository / "pyproject.toml").write_text('[tool.ariel]\ntenant = "weather"\n')
    (repository / "dags" / "other.py").write_text(
        "from airflow.sdk import DAG\nother = DAG('mobility.x', schedule=None)\n"
    )
    arguments = ["dags", "check", "--offline", "--repository", str(repository), "--skip", "mypy"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    shown = " ".join(capsys.readouterr().out.split()) + done.output
    assert "begins with 'weather.'" in shown
    assert "what the DAGs need" not in shown
    assert "compared with nothing" in shown


def test_the_interpreter_that_parses_is_the_images_where_it_can_be_had(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A stand-in, which says that it is of the image's version, and that its Airflow is another."""
    parsed_by = {"python": f"{image_python.VERSION}.9", "packages": {"apache-airflow": "3.0.0"}}
    answer = tmp_path_factory.mktemp("python") / "answer"
    answer.write_text(json.dumps({"findings": [], "changes": [], "parsed_by": parsed_by}))
    python = answer.with_name("python")
    python.write_text(f"#!/bin/sh\ncat {answer}\n")
    python.chmod(0o755)
    monkeypatch.setattr(image_python, "ensure", lambda report: python)
    (repository / "pyproject.toml").write_text('[tool.ariel]\ntenant = "weather"\n')
    done = check(repository, "pass", "--only", "imports", "--offline")
    told = json.loads(done.stdout)
    assert told["parsed_by"] == parsed_by
    (version,) = told["findings"]
    assert (version["state"], version["id"]) == ("warning", "apache-airflow")
    assert f"the image has {AIRFLOW}" in version["reason"], "another Airflow than production's went unsaid"


def test_an_interpreter_without_the_runtime_fails_the_check_with_a_reason(repository: Path) -> None:
    done = check(repository, "pass", "--only", "imports", "--python", "false")
    assert isinstance(done.exception, checks.CheckError)
    assert str(repository) in str(done.exception)


def test_a_forgotten_lock_fails_a_check_that_asks_for_nothing_else(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who parsed is said also where no table of imports shows it."""
    said = StringIO()
    monkeypatch.setattr(console, "err", Console(file=said, width=200))
    requirements = repository / "images" / "geo" / "requirements.txt"
    requirements.parent.mkdir(parents=True)
    requirements.write_text("humanize==4.9.0\n")
    child_images.write_lock(repository, child_lock.read(repository, "weather"))
    commit(repository)
    requirements.write_text("humanize==4.10.0\n")
    done = check(repository, "pass", "--only", "images", "--base", "HEAD", "--offline")
    assert [each["state"] for each in json.loads(done.stdout)["findings"]] == ["broken"]
    assert done.exit_code == 1
    assert "uv python install" in said.getvalue()


CHANGE = {
    "dag_id": "weather.a",
    "task_id": "read",
    "kind": "task gone",
    "before": "read",
    "after": "",
    "file": "dags/a.py",
    "line": 3,
    "pinned": "safe",
    "unpinned": "breaks",
    "effect": "safe",
    "reason": "nothing waits",
}


def test_a_change_that_breaks_fails_the_check_where_a_run_is_hit_or_nobody_was_asked() -> None:
    pinned = {"dag_id": "weather.a", "run_id": "one", "bundle_version": "a"}
    free = {**pinned, "run_id": "two", "bundle_version": None}
    breaking = {**CHANGE, "pinned": "breaks", "effect": "breaks"}

    def found(change: dict[str, Any], runs: list[dict[str, Any]] | None) -> list[str]:
        return [each["state"] for each in in_flight.findings([change], runs)]

    assert found(CHANGE, None) == found(CHANGE, [pinned]) == []
    assert found(CHANGE, [pinned, free]) == found(breaking, [pinned]) == found(breaking, None) == ["broken"]
    assert found(breaking, []) == found(breaking, [{**pinned, "dag_id": "weather.b"}]) == ["warning"]


def test_a_run_of_another_dag_is_safe() -> None:
    run = {"dag_id": "weather.b", "run_id": "one", "bundle_version": None}
    assert [(each["effect"], each["changes"]) for each in in_flight.judged([run], [CHANGE])] == [("safe", [])]


def test_ruff_knows_what_airflow_took_away_and_mypy_is_asked_where_the_repository_wants_it(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text(
        "from airflow import DAG\n\nold = DAG('a', schedule_interval='@daily')\nx: int = ''\n"
    )
    environment = checks.runtime_environment(
        checks.Subject(root=tmp_path, tenant="weather", bundle=Path(".")), "laptop", str(tmp_path)
    )
    rules = {(each["line"], each["id"]) for each in source_checks.of_ruff(tmp_path, environment)}
    assert (3, "AIR301") in rules
    assert list(source_checks.of_mypy(tmp_path, environment, "unused")) == []
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nfollow_imports = 'skip'\nignore_missing_imports = true\n")
    found = source_checks.of_mypy(tmp_path, environment, sys.executable)
    assert [(each["file"], each["line"], each["id"]) for each in found] == [("old.py", 4, "assignment")]


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
    assert isinstance(check(repository, "pass", "--only", "absent").exception, UsageError)
    assert isinstance(check(repository, "pass", "--offline", "--deployed").exception, UsageError)
    assert isinstance(check(repository, "pass", "--base", "absent").exception, UsageError)
    (repository / "dags" / "needs.py").unlink()
    (repository / "dags").rmdir()
    arguments = ["dags", "check", "--tenant", "weather", "--repository", str(repository)]
    assert isinstance(CliRunner().invoke(app, arguments).exception, UsageError)
