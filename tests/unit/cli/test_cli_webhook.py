"""`ariel webhook`: what it asks the platform, and how its answer reads."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import console, webhook
from cli.app import app

STATE: dict[str, Any] = {
    "tenant": "weather",
    "next_key": 2,
    "mirror": {"commit": "a" * 40, "fetched": "2026-01-02T03:04:05Z", "error": "", "version": "0.1.0"},
    "fault": "",
    "fetched": "b" * 40,
    "looked": None,
    "parsed": {"b" * 40: 3},
    "parsed_at": None,
    "failures": [{"file": "dags/[broken].py", "at": None, "text": "oh"}],
    "deliveries": [{"at": "2026-01-02T03:04:06Z", "sender": "github", "revision": None, "result": "[red]away"}],
    "versions": {"runtime": "0.1.0"},
}


class Api:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []
        self.state = STATE

    def call(self, method: str, path: str, *, query: Any = None) -> dict[str, Any]:
        self.sent.append((method, path, query))
        return self.state if method == "GET" else {"team": "weather", "secrets": ["airflow-secrets-webhook-key"]}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(webhook, "open_session", lambda env: SimpleNamespace(running_platform=lambda: made))
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the command prints."""
    made = StringIO()
    monkeypatch.setattr(console, "out", console._console(made))
    return made


def ariel(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhook", *arguments, "--tenant", "weather"])


def test_a_key_is_issued_into_the_vault_and_its_name_is_told(api: Api, said: StringIO) -> None:
    assert ariel("issue").exit_code == 0
    assert "airflow-secrets-webhook-key" in said.getvalue()
    assert ariel("issue", "--anew").exit_code == 0
    path = "/ariel/webhook/weather/key"
    assert api.sent == [("POST", path, None), ("POST", path, {"anew": "true"})]


def test_the_state_tells_each_station_and_each_call(api: Api, said: StringIO) -> None:
    assert ariel("status").exit_code == 0
    output = said.getvalue()
    for told in ("a" * 40, f"{'b' * 40}: 3 DAGs", "dags/[broken].py", "[red]away", "number 2"):
        assert told in output
    assert json.loads(ariel("status", "--json").stdout) == STATE


def test_a_mirror_that_is_away_and_a_webhook_without_a_key_are_said(api: Api, said: StringIO) -> None:
    api.state = {**STATE, "mirror": None, "fault": "does not answer", "next_key": None}
    assert ariel("status").exit_code == 0
    output = said.getvalue()
    assert "does not answer" in output
    assert "ariel webhook issue --tenant weather --env local" in output
