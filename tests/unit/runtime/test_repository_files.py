"""Connections without secrets, groups of them and variables, from the newest revision of a team's repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ariel_runtime import secrets
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.repository_files import RepositoryFiles, fetch, read

from tests.unit.runtime.git_remote import Remote

CONNECTIONS = """
connections:
  mail.hamburg:
    conn_type: imap
    host: imap.example.org
    login: reports
    password: {secret: mail.hamburg}
    extra: {ssl: true, tokens: [{secret: mail.token}]}
  plain: {conn_type: http, host: api.example.org}
groups:
  mail-drives: [mail.hamburg]
"""


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    with Remote.served(tmp_path / "remote") as made:
        yield made


def checkout(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_the_newest_revision_counts(remote: Remote) -> None:
    assert fetch(remote.url, "main", "local") == RepositoryFiles()
    remote.write("city: Hamburg", file="variables.yaml")
    assert fetch(remote.url, "main", "local").variables == {"city": "Hamburg"}
    remote.write("city: Bremen", file="variables.yaml")
    assert fetch(remote.url, "main", "local").variables == {"city": "Bremen"}


def test_a_secret_is_put_in_where_the_file_refers_to_it(tmp_path: Path) -> None:
    files = read(checkout(tmp_path, connections=CONNECTIONS), "local")
    found = files.connection("mail.hamburg", lambda name: f"value of {name}")
    assert found is not None
    assert json.loads(found) == {
        "conn_type": "imap",
        "host": "imap.example.org",
        "login": "reports",
        "password": "value of mail.hamburg",
        "extra": {"ssl": True, "tokens": ["value of mail.token"]},
    }
    assert files.connection("absent", str) is None
    assert files.groups == {"mail-drives": ("mail.hamburg",)}


def test_what_one_environment_says_stands_before_what_all_share(tmp_path: Path) -> None:
    (tmp_path / "variables.dev.yaml").write_text("city: Bremen")
    checkout(tmp_path, variables="city: Hamburg\nlimits: {rows: 5}\nrate: 0.5")
    shared = {"limits": '{"rows": 5}', "rate": "0.5"}
    assert read(tmp_path, "dev").variables == {"city": "Bremen", **shared}
    assert read(tmp_path, "prod").variables == {"city": "Hamburg", **shared}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("connections: {a: {conn_type: http, password: hunter2}}", "connections.a.password"),
        ("connections: {a: {conn_type: http, password: {value: hunter2}}}", "a repository keeps no secret"),
        ("connections: {a: {conn_type: http, extra: {more: {client_secret: hunter2}}}}", "extra.more.client_secret"),
        ("connections: {a: {conn_type: http, pasword: hunter2}}", "connections.a.pasword"),
        ("connections: {a: 'http://ada:hunter2@host'}", "a mapping with at least a conn_type"),
        ("connections: {a: {conn_type: http, login: 4711}}", "connections.a.login"),
        ("connections: {a: {conn_type: http, port: '80'}}", "connections.a.port"),
        ("connections: {a: {host: x}}", "connections.a"),
        ("connections: {a: {conn_type: http, hots: x}}", "connections.a.hots"),
        ("connections: [a]", "a mapping by text"),
        ("groups: {g: a}", "groups.g"),
        ("conections: {}", "conections"),
        ("connections: {a: {conn_type: http\n", "connections.yaml, line"),
        ("5: {}", "keys in quotation marks"),
    ],
)
def test_a_wrong_file_says_where_and_shows_no_secret(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(checkout(tmp_path, connections=text), "local")
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_variable_that_airflow_cannot_keep_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"variables\.yaml: start"):
        read(checkout(tmp_path, variables="start: 2026-01-01"), "local")


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    checkout(tmp_path, connections="groups: {g: a, h: b}", variables="- a")
    with pytest.raises(RefusedError) as refused:
        read(tmp_path, "local")
    assert [part in str(refused.value) for part in ("groups.g", "groups.h", "variables.yaml")] == [True] * 3


def test_a_dag_lists_the_connections_of_a_group_while_it_is_parsed(tmp_path: Path) -> None:
    checkout(tmp_path, connections=CONNECTIONS)
    dag = tmp_path / "dags" / "mail" / "drives.py"
    assert secrets.group("mail-drives", beside=str(dag)) == ("mail.hamburg",)
    with pytest.raises(RefusedError, match="one of mail-drives"):
        secrets.group("absent", beside=str(dag))


def test_a_group_without_a_file_of_connections_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="there is none"):
        secrets.group("mail-drives", beside=str(tmp_path / "dag.py"))
