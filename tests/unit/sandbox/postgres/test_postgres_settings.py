"""What ARM says of a server becomes configuration that PostgreSQL starts with, and lets nobody in without a token."""

from __future__ import annotations

import pytest

from sandbox.arm.errors import ArmError
from sandbox.postgres.backing import locale_of
from sandbox.postgres.settings import access, configuration


def lines(**parameters: str) -> dict[str, str]:
    text = configuration("psql", "10.213.7.32", parameters, {"pg_stat_statements"})
    return dict(line.split(" = ", 1) for line in text.splitlines())


def test_a_library_that_is_not_here_does_not_keep_the_server_from_starting() -> None:
    assert lines(shared_preload_libraries="pg_cron, pg_stat_statements")["shared_preload_libraries"] == (
        "'pg_stat_statements'"
    )


def test_a_value_cannot_end_its_line_s_quotes() -> None:
    assert lines(log_line_prefix="it's")["log_line_prefix"] == "'it''s'"


def test_what_only_azure_knows_does_not_reach_postgresql() -> None:
    assert "require_secure_transport" not in lines(require_secure_transport="on")


def test_fifteen_connections_are_reserved_as_in_azure() -> None:
    shown = lines(max_connections="50")
    assert (shown["max_connections"], shown["superuser_reserved_connections"], shown["reserved_connections"]) == (
        "'50'",
        "'10'",
        "'5'",
    )


def test_an_override_of_memory_is_honoured() -> None:
    assert lines()["shared_buffers"] == "'128MB'"
    assert lines(shared_buffers="65536")["shared_buffers"] == "'65536'"


def test_every_line_that_lets_somebody_in_from_the_network_asks_for_a_token() -> None:
    rules = access("psql", 20001, secure_only=True).splitlines()
    from_network = [rule for rule in rules if not rule.startswith("local")]
    assert from_network[-1] == "host all all all reject"
    assert [rule for rule in from_network if "reject" not in rule] == [
        'hostssl all all all ldap ldapserver=127.0.0.1 ldapport=20001 ldapprefix="psql/"'
    ]
    assert from_network[0] == "host all azuresu all reject"


def test_only_where_azure_allows_it_a_token_travels_without_tls() -> None:
    assert "\nhost all all all ldap" in access("psql", 20001, secure_only=False)
    assert "\nhost all all all ldap" not in access("psql", 20001, secure_only=True)


@pytest.mark.parametrize(
    ("collation", "clause"),
    [
        ("en_US.utf8", "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"),
        ("de_DE.UTF-8", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"),
        ("C", "LOCALE_PROVIDER libc"),
    ],
)
def test_a_collation_of_azure_has_a_locale_here(collation: str, clause: str) -> None:
    assert locale_of(collation) == clause


def test_a_collation_cannot_end_the_statement() -> None:
    with pytest.raises(ArmError, match="is not available"):
        locale_of("en_US'; DROP DATABASE airflow; --")
