"""`ariel airflow --env`: Airflow's command for its REST API, with the person's token and nobody else's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from cli import airflowctl
from cli.app import app
from cli.platform import Platform
from cli.session import TOKEN_VARIABLE, Session
from stacks.errors import MachineError

ROOT = Path(__file__).parents[3]
TOKEN = "token-of-a-person"  # noqa: S105
PROGRAM = """#!/bin/sh
printf '%s\\n' "$*" "$AIRFLOW_CLI_TOKEN" "$SSL_CERT_FILE" "$NO_PROXY" "$AIRFLOW_HOME" > "$SAID"
cat "$AIRFLOW_HOME/$AIRFLOW_CLI_ENVIRONMENT.json" >> "$SAID"
exit 3
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    program = tmp_path / "airflowctl"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    for name in ("SSL_CERT_FILE", "NO_PROXY", TOKEN_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["airflow", *arguments, "--", "dags", "list", "--output", "json"])


def test_an_environment_is_asked_by_its_api_with_the_persons_token_which_stays_nowhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert asked("--env", "dev").exit_code == 3
    arguments, token, certificate, _, home, credentials = (project / "said").read_text().splitlines()
    assert arguments == "dags list --output json"
    assert (token, certificate) == (TOKEN, "")
    assert json.loads(credentials) == {"api_url": f"https://{Session(project, 'dev').settings.airflow.host}"}
    assert not Path(home).exists()


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """The sandbox's, whose administrator signs in."""
    platform = Platform.at("127.0.0.1:1", TOKEN)
    platform._client.headers["Host"] = "airflow.localhost:8443"
    monkeypatch.setattr(Session, "platform", platform)
    return platform


def test_the_sandbox_is_asked_by_its_name_and_trusted_by_its_authority(
    project: Path, here: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflowctl.socket, "getaddrinfo", lambda *_: [])
    assert asked("--env", "local").exit_code == 3
    _, token, certificate, proxy, _, credentials = (project / "said").read_text().splitlines()
    assert json.loads(credentials) == {"api_url": "https://airflow.localhost:8443"}
    assert (token, proxy) == (TOKEN, "airflow.localhost")
    assert certificate == str(Session(project, "local").sandbox.ingress.authority)


def test_a_machine_that_does_not_know_the_sandboxs_name_is_told_how_to(
    project: Path, here: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """airflowctl has no option for another address, and would only say that it found none."""
    monkeypatch.setattr(airflowctl, "socket", SimpleNamespace(getaddrinfo=_unknown))
    error = asked("--env", "local").exception
    assert isinstance(error, MachineError)
    assert "127.0.0.1 airflow.localhost" in error.problems[0].action


def _unknown(*_: object) -> None:
    raise OSError


def test_without_the_command_it_is_said_how_to_get_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflowctl.shutil, "which", lambda name: None)
    assert isinstance(asked("--env", "dev").exception, MachineError)
