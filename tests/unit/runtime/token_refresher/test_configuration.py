"""What PgBouncer is given: who may open what, and nothing that a value could smuggle in."""

from __future__ import annotations

import pytest
from ariel_runtime.registry import Role
from ariel_runtime.token_refresher.configuration import Database, configuration
from ariel_runtime.token_refresher.limits import longest_token

SERVER = Database("server.example.org", "airflow")
BASE = "[pgbouncer]\nlisten_port = 6432\n"


def role(name: str) -> Role:
    return Role(
        name=name, client_id="c", object_id="o", pool_size=2, reserve_pool_size=1, verifier=f"SCRAM-SHA-256$1:{name}"
    )


def files(*names: str, **tokens: str) -> dict[str, str]:
    return dict(configuration(BASE, SERVER, map(role, names), tokens).files)


def test_an_alias_forces_its_role_and_holds_its_token() -> None:
    assert files("w", w="eyJ.a-b_c")["pgbouncer.ini"] == (
        "[pgbouncer]\nlisten_port = 6432\n\n[databases]\n"
        "w = host=server.example.org dbname=airflow user=w pool_size=2 reserve_pool=1 password='eyJ.a-b_c'\n"
    )


def test_each_login_is_let_into_its_own_alias_and_all_else_is_refused() -> None:
    assert files("b", "a", a="1", b="2")["hba.conf"].splitlines() == [
        "host a a all scram-sha-256",
        "host b b all scram-sha-256",
        "local all all reject",
        "host all all all reject",
    ]


def test_clients_are_checked_by_verifier_and_tokens_are_no_clients_passwords() -> None:
    assert files("a", a="the-token")["userlist.txt"] == '"a" "SCRAM-SHA-256$1:a"\n'


def test_a_role_without_a_token_has_no_alias_and_its_clients_do_not_hang() -> None:
    assert "b" not in files("a", "b", a="1")["userlist.txt"].replace("SHA", "")
    assert "b = " not in files("a", "b", a="1")["pgbouncer.ini"]


def test_the_order_of_roles_changes_nothing() -> None:
    assert files("a", "b", a="1", b="2") == files("b", "a", b="2", a="1")


@pytest.mark.parametrize("token", ["a'b", "a\nb = host=evil", "a b", "", 'a"b', "a;b"])
def test_a_token_cannot_write_a_second_setting(token: str) -> None:
    with pytest.raises(ValueError, match="characters that no token has") as refused:
        files("a", a=token)
    assert not token or token not in str(refused.value)


@pytest.mark.parametrize("host", ["a b", "a\nb", "", "a'"])
def test_a_host_cannot_write_a_second_setting(host: str) -> None:
    with pytest.raises(ValueError, match="neither a host nor a database"):
        Database(host, "airflow")


def test_a_configuration_does_not_show_its_tokens() -> None:
    assert "the-token" not in repr(configuration(BASE, SERVER, [role("a")], {"a": "the-token"}))


@pytest.mark.parametrize(
    ("version", "limit"),
    [
        ("PgBouncer 1.18.0", 2_047),
        ("PgBouncer 1.24.1", 2_047),
        ("1.25.2", 2_047),
        ("PgBouncer 1.26.0", 65_531),
        ("1.100.0", 65_531),
        ("2.0", 65_531),
        ("", 2_047),
        (None, 2_047),
    ],
)
def test_an_unknown_or_old_pgbouncer_is_given_no_token_that_it_would_cut(version: str | None, limit: int) -> None:
    assert longest_token(version) == limit
