"""What a file names, by its text alone."""

from __future__ import annotations

import pytest
from ariel_runtime.checks.named_in_source import named_in_source

HEAD = """
from airflow.sdk import Connection, Variable as V
import airflow.sdk
from airflow.hooks.base import BaseHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from ariel_runtime import secrets
CITY = "city"
"""
LINE = HEAD.count("\n") + 1


def found(line: str) -> list[tuple[str, str, bool]]:
    named, unknown = named_in_source("dag.py", HEAD + line)
    assert unknown == []
    assert {each.line for each in named} <= {LINE}
    return [(each.kind, each.id, each.optional) for each in named]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('V.get("city")', ("variable", "city", False)),
        ('airflow.sdk.Variable.get("city")', ("variable", "city", False)),
        ('V.get("city", default="x")', ("variable", "city", True)),
        ('V.get("city", None)', ("variable", "city", True)),
        ("V.get(CITY)", ("variable", "city", False)),
        ('V.get(key="city", deserialize_json=True)', ("variable", "city", False)),
        ('Connection.get("db")', ("connection", "db", False)),
        ('BaseHook.get_connection(conn_id="db")', ("connection", "db", False)),
        ('PostgresHook(postgres_conn_id="db")', ("connection", "db", False)),
        ('anything(conn_id="db")', ("connection", "db", False)),
        ('PostgresHook("db")', ("connection", "db", False)),
        ('Connection.async_get("db")', ("connection", "db", False)),
        ('secrets.get("token")', ("secret", "token", False)),
        ('secrets.group("mail", beside=__file__)', ("group", "mail", False)),
        ('"SELECT {{ var.value.city }}"', ("variable", "city", False)),
        ('"{{ var.json.limits.rows }}"', ("variable", "limits", False)),
        ("\"{{ var.value.get('a.b') }}\"", ("variable", "a.b", False)),
        ('"{{ conn.db.host }}"', ("connection", "db", False)),
        ("\"{{ conn.get('a.b').host }}\"", ("connection", "a.b", False)),
    ],
)
def test_a_name_is_found_with_its_line(line: str, expected: tuple[str, str, bool]) -> None:
    assert found(line) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        'print("var.value.city")',
        'other.get("city")',
        "operator(conn_id=None)",
        '{"a": 1}.get("city")',
        '"conn.db is no template"',
        "\"{{ var.value.get('city', 'Hamburg') }}\"",
    ],
)
def test_what_only_looks_like_a_name_is_none(line: str) -> None:
    assert found(line) == []


@pytest.mark.parametrize(
    "line",
    ['V.get(f"city_{CITY}")', "Connection.get(argv[1])", "anything(mail_conn_id=name)", "secrets.get(CITY + CITY)"],
)
def test_a_name_that_only_a_run_would_tell_is_unknown(line: str) -> None:
    named, unknown = named_in_source("dag.py", HEAD + line)
    assert named == []
    assert [each.line for each in unknown] == [LINE]


def test_a_constant_that_is_given_twice_is_unknown() -> None:
    for change in ('CITY = "other"', 'CITY += "x"', 'print(CITY := "other")', "for CITY in (): ..."):
        _, unknown = named_in_source("dag.py", f"{HEAD}{change}\nV.get(CITY)")
        assert [each.text for each in unknown] == ["CITY"], change
