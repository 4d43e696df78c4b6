"""`ariel dags delete --env`: only what an environment has of a DAG that certainly no file has any more."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli import airflow_command
from cli.airflow_command import RemainsError
from cli.app import app
from cli.platform import Platform
from stacks.errors import UsageError

DETAILS = {"is_stale": True, "relative_fileloc": "dags/second.py", "bundle_name": "weather"}
BROKEN = {"filename": "dags/second.py", "bundle_name": "weather"}


class Airflow:
    """The parts of its API that are asked, by their documented answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.details: dict[str, Any] | None = DETAILS
        self.broken: list[dict[str, str]] = []
        self.deleting = httpx.Response(204)
        self.deleted: list[str] = []
        platform = Platform.at("airflow.example", "token")
        platform._client = httpx.Client(base_url="https://airflow.example", transport=httpx.MockTransport(self._answer))
        session = SimpleNamespace(running_platform=lambda: platform)
        monkeypatch.setattr(airflow_command, "open_session", lambda env: session)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            self.deleted.append(request.url.path)
            return self.deleting
        if request.url.path == "/api/v2/importErrors":
            asked = dict(request.url.params)
            return httpx.Response(200, json={"total_entries": sum(each == asked for each in self.broken)})
        assert request.url.path == "/api/v2/dags/weather.second/details"
        return httpx.Response(404) if self.details is None else httpx.Response(200, text=json.dumps(self.details))


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Airflow:
    (tmp_path / "pyproject.toml").write_text('[tool.ariel]\ntenant = "weather"\n')
    monkeypatch.chdir(tmp_path)
    return Airflow(monkeypatch)


def delete(*options: str) -> Result:
    return CliRunner().invoke(app, ["dags", "delete", "second", "--env", "dev", "--yes", *options])


def test_what_no_file_has_any_more_goes(airflow: Airflow) -> None:
    airflow.broken = [{**BROKEN, "filename": "dags/another.py"}, {**BROKEN, "bundle_name": "mobility"}]
    assert delete().exit_code == 0
    assert airflow.deleted == ["/api/v2/dags/weather.second"]


@pytest.mark.parametrize("options", [("--tenant", "weather"), ("--repository", "weather")])
def test_an_environment_is_asked_from_the_platforms_project(
    airflow: Airflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """The stack files are there, and the team's repository is elsewhere."""
    (tmp_path / "weather").mkdir()
    (tmp_path / "pyproject.toml").rename(tmp_path / "weather" / "pyproject.toml")
    assert isinstance(delete().exception, UsageError)
    assert delete(*options).exit_code == 0
    assert airflow.deleted == ["/api/v2/dags/weather.second"]


@pytest.mark.parametrize("details", [None, {**DETAILS, "is_stale": False}], ids=["unknown", "still parsed"])
def test_what_is_unknown_or_still_there_is_refused(airflow: Airflow, details: dict[str, Any] | None) -> None:
    airflow.details = details
    assert isinstance(delete().exception, RemainsError)
    assert airflow.deleted == []


def test_a_dag_whose_file_is_broken_is_not_taken_for_gone(airflow: Airflow) -> None:
    """Airflow calls it stale after a while; a typing error would cost all its runs."""
    airflow.broken = [BROKEN]
    error = delete().exception
    assert isinstance(error, RemainsError)
    assert error.problems[0].path == "dags/second.py"
    assert airflow.deleted == []


def test_a_refusal_of_airflow_is_told(airflow: Airflow) -> None:
    airflow.deleting = httpx.Response(409, text="Task instances of dag are still running")
    error = delete().exception
    assert isinstance(error, RemainsError)
    assert "still running" in error.problems[0].value
