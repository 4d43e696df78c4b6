"""`ariel secrets`: where a value may come from, and that none is ever shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ariel_runtime.secrets import names
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from cli import secrets
from cli.app import app
from cli.secrets_file import Kind, template
from cli.tables import of_secrets
from stacks.errors import UsageError

PEM = "-----BEGIN KEY-----\r\nc2VjcmV0\n-----END KEY-----\n"
HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
LISTING = {
    "team": "weather",
    "vault": "https://kv-weather.vault.azure.net/",
    "secrets": [
        {
            "kind": "connection",
            "id": "slack.default",
            "name": "airflow-connections-slack--2edefault",
            "type": "slack",
            "enabled": True,
            "named_in": ["dags/a.py:3", "dags/b.py:9"],
            "updated": HOUR_AGO,
            "expires": None,
        }
    ],
}


class Api:
    """The platform's API, which keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    def call(self, method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        self.sent.append((method, path, body))
        if method == "GET":
            return LISTING
        return {"kind": body["kind"], "id": body["id"], "name": "airflow-..."}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(secrets, "open_session", lambda env: SimpleNamespace(running_platform=lambda: made))
    return made


def ariel(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["secrets", *arguments], input=given, catch_exceptions=True)


def test_a_value_is_taken_from_standard_input(api: Api) -> None:
    done = ariel("set", "variable", "city", "--tenant", "weather", given="Hamburg\n")
    assert done.exit_code == 0, done.output
    assert api.sent == [("PUT", "/ariel/secrets/weather", {"kind": "variable", "id": "city", "value": "Hamburg"})]
    assert "Hamburg" not in done.output


def test_a_file_of_many_lines_is_taken_as_it_is(api: Api, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(PEM.encode())
    arguments = (
        "set",
        "secret",
        "key",
        "-t",
        "weather",
        "--file",
        str(tmp_path / "key.pem"),
        "--expires",
        "2030-01-01",
    )
    assert ariel(*arguments).exit_code == 0
    ((_, _, body),) = api.sent
    assert body["value"] == PEM
    assert body["expires"] == "2030-01-01T00:00:00+00:00"


def test_a_file_that_is_not_there_is_said_before_anything_is_sent(api: Api, tmp_path: Path) -> None:
    done = ariel("set", "secret", "key", "-t", "weather", "--file", str(tmp_path / "absent"))
    assert isinstance(done.exception, UsageError)
    assert "FileNotFoundError" in str(done.exception)
    assert api.sent == []


def test_the_command_line_takes_no_value(api: Api) -> None:
    """It would stand in the shell's history and in the list of processes."""
    done = ariel("set", "variable", "city", "Hamburg", "--tenant", "weather")
    assert done.exit_code == 2
    assert api.sent == []


def test_the_list_shows_names_ages_and_who_names_them(api: Api) -> None:
    assert ariel("list", "--tenant", "weather", "--env", "local").exit_code == 0
    shown = of_secrets(LISTING, datetime.now(UTC))
    cells = [str(*column.cells) for column in shown.columns]
    assert cells == ["connection", "slack.default", "slack", "1 h ago", "-", "dags/a.py:3\ndags/b.py:9", ""]
    assert json.loads(ariel("list", "--tenant", "weather", "--json").stdout) == LISTING


def test_the_command_and_the_platform_know_the_same_kinds() -> None:
    assert [each.value for each in Kind] == [each.value for each in names.Kind]


LISTED = """
secrets:
  - {kind: connection, id: warehouse, value: {file: warehouse.json}}
  - {kind: variable, id: city, environments: [local, dev], value: {env: CITY}}
  - {kind: variable, id: elsewhere, environments: [prod], value: {env: ABSENT}}
  - {kind: secret, id: token}
"""


def imported(folder: Path, text: str) -> Result:
    (folder / "secrets.yaml").write_text(text)
    (folder / "warehouse.json").write_text('{"conn_type": "http"}')
    return ariel("import", str(folder / "secrets.yaml"), "--tenant", "weather", "--env", "local")


def test_many_secrets_are_taken_by_reference(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY", "Hamburg")
    assert imported(tmp_path, LISTED).exit_code == 0
    assert [body for _, _, body in api.sent] == [
        {"kind": "connection", "id": "warehouse", "value": '{"conn_type": "http"}'},
        {"kind": "variable", "id": "city", "value": "Hamburg"},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LISTED, "a variable of the environment that is not empty"),
        (LISTED.replace("warehouse.json", "absent.json"), "FileNotFoundError"),
        ("secrets: [{kind: key, id: a}]", "secrets.0.kind"),
        ("secrets: [{kind: secret, id: a, value: hunter2}]", "secrets.0.value"),
        ("secrets: [{kind: secret, id: a, value: {env: A, file: b}}]", "either file or env"),
        ("secrets: {", "a file of YAML"),
    ],
)
def test_nothing_is_set_where_one_reference_is_wrong(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.delenv("CITY", raising=False)
    done = imported(tmp_path, text)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
    assert "hunter2" not in str(done.exception)
    assert api.sent == []


def test_no_two_entries_of_a_template_share_a_variable() -> None:
    place = {"file": "dags/a.py", "line": 1, "reason": "", "state": "missing"}
    wanted = [("connection", "a"), ("secret", "a"), ("secret", "a.b"), ("secret", "a_b"), ("secret", "A_B")]
    text = template([{**place, "kind": kind, "id": name} for kind, name in wanted], "ada@example.org", "local")
    variables = [entry["value"]["env"] for entry in YAML(typ="safe").load(text)["secrets"]]
    assert len(set(variables)) == len(wanted)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", each) for each in variables)


def test_a_template_lists_what_is_missing_and_can_be_imported(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"file": "dags/a.py", "reason": ""}
    found = [
        {**place, "line": 3, "kind": "variable", "id": "city.name", "state": "missing"},
        {**place, "line": 9, "kind": "variable", "id": "city.name", "state": "missing"},
        {**place, "line": 1, "kind": "connection", "id": "there", "state": "there"},
        {**place, "line": 1, "kind": "group", "id": "drives", "state": "missing"},
    ]
    text = template(found, "ada@example.org", "local")
    assert "named in dags/a.py:3, dags/a.py:9" in text
    assert "there" not in text
    variable = YAML(typ="safe").load(text)["secrets"][0]["value"]["env"]
    monkeypatch.setenv(variable, "Hamburg")
    assert imported(tmp_path, text).exit_code == 0
    assert [body for _, _, body in api.sent] == [{"kind": "variable", "id": "city.name", "value": "Hamburg"}]
