"""A team's vault in memory, what its repository reports, and a person who looks at both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from ariel_runtime.plugins.secrets_app import app

VALUE = "correct-horse"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAG_ID = "weather.connections"
REPORT = {
    "revision": "0123456789abcdef",
    "named": [
        {"file": "dags/load.py", "line": 7, "kind": "connection", "id": "slack_default"},
        {"file": "dags/load.py", "line": 9, "kind": "variable", "id": "city<script>"},
        {"file": "dags/load.py", "line": 3, "kind": "group", "id": "drives"},
    ],
    "unknown": [{"file": "dags/load.py", "line": 11, "kind": "variable", "text": "name & place"}],
    "broken": [{"file": "dags/broken.py", "text": "SyntaxError: <oh>"}],
    "connections": {"drive.one": {"conn_type": "samba", "password": {"secret": "drive.one"}}},
    "groups": {"drives": ["drive.one"]},
    "variables": ["region"],
    "environment": [["variable", "given_by_image"]],
}


class Client:
    """Azure's client of one vault, with the secrets in memory."""

    def __init__(self, names: list[str]) -> None:
        self.kept: dict[str, str] = dict.fromkeys(names, VALUE)
        self.error: Exception | None = None

    def list_properties_of_secrets(self) -> Iterator[Any]:
        if self.error:
            raise self.error
        yield from (properties(name) for name in self.kept)

    def set_secret(self, name: str, value: str, expires_on: datetime | None, content_type: str | None) -> Any:
        if self.error:
            raise self.error
        self.kept[name] = value
        return SimpleNamespace(properties=properties(name, expires_on, content_type))


def properties(name: str, expires: datetime | None = None, content_type: str | None = None) -> Any:
    times = {"created_on": NOW, "updated_on": NOW, "expires_on": expires}
    return SimpleNamespace(name=name, enabled=True, content_type=content_type, **times)


def sign_in(role: str, *teams: str) -> None:
    user = SimpleAuthManagerUser(username="ada", role=role, teams=list(teams))
    app.dependency_overrides[get_user] = lambda: user
