"""What PgBouncer (1.23 or later) reads, made from the roles and their tokens. Pure.

A role, its alias and its login have one name, and PgBouncer looks both the client's verifier and the server's password
up by name. So they stand in different places: the verifier of the login in `auth_file`, the token in the alias, where
`password` wins over `auth_file`. The token is thereby no password that any client could use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ariel_runtime.registry import Role

CONFIGURATION: Final = "pgbouncer.ini"
HBA: Final = "hba.conf"
USERS: Final = "userlist.txt"

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]+")


@dataclass(frozen=True)
class Database:
    """Where the server is; raises ValueError for what could not stand in a configuration unquoted."""

    host: str
    name: str

    def __post_init__(self) -> None:
        for value in (self.host, self.name):
            if not _PLAIN.fullmatch(value):
                raise ValueError(f"{value!r} is neither a host nor a database: it must match {_PLAIN.pattern}")


@dataclass(frozen=True)
class Configuration:
    """The text of each file, by name; equal ones mean the same to PgBouncer."""

    files: Mapping[str, str] = field(repr=False)


def configuration(base: str, database: Database, roles: Iterable[Role], tokens: Mapping[str, str]) -> Configuration:
    """Base settings and an alias, a login and its rule for each role that has a token.

    A role without one gets nothing: its clients hear at once that there is no such database, instead of waiting for a
    server login that cannot succeed.
    """
    served = sorted((role for role in roles if role.name in tokens), key=lambda role: role.name)
    aliases = [_alias(role, database, tokens[role.name]) for role in served]
    rules = [f"host {role.name} {role.name} all scram-sha-256" for role in served]
    # The console of a user of PgBouncer's own uid is not subject to them.
    rules += ["local all all reject", "host all all all reject"]
    users = [f'"{role.name}" "{role.verifier}"' for role in served]
    return Configuration(
        {
            HBA: _lines(rules),
            USERS: _lines(users),
            CONFIGURATION: _lines([base.rstrip(), "", "[databases]", *aliases]),
        }
    )


def _alias(role: Role, database: Database, token: str) -> str:
    if not acceptable(token):
        raise ValueError(f"{role.name}: its token holds characters that no token has")
    settings = {
        "host": database.host,
        "dbname": database.name,
        "user": role.name,
        "pool_size": role.pool_size,
        # From 1.24 called reserve_pool_size; the old name stays valid.
        "reserve_pool": role.reserve_pool_size,
        "password": f"'{token}'",
    }
    return f"{role.name} = " + " ".join(f"{key}={value}" for key, value in settings.items())


def acceptable(token: str) -> bool:
    """Whether it is made of what RFC 6750 allows in a bearer token, which needs no quoting."""
    return bool(_TOKEN.fullmatch(token))


def _lines(lines: Iterable[str]) -> str:
    return "\n".join([*lines, ""])
