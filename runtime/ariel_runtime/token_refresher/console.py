"""PgBouncer's admin console, over the Unix socket on which it trusts its own uid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg2
from psycopg2 import extensions

_SECONDS: Final = 5


class ConsoleError(Exception):
    """PgBouncer refused a command."""


class ConsoleAwayError(ConsoleError):
    """PgBouncer does not run, or does not answer."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Of one alias."""

    alias: str
    clients_active: int
    clients_waiting: int
    servers_in_use: int
    servers_idle: int
    longest_wait: float
    """Seconds for which the first client in the queue has waited."""


@dataclass(frozen=True)
class Console:
    """Where PgBouncer is; it may be restarted at any time, so sessions are short."""

    folder: Path
    port: int

    @contextmanager
    def open(self) -> Iterator[Session]:
        """Raises ConsoleAwayError."""
        try:
            connection = psycopg2.connect(
                host=str(self.folder), port=self.port, user="pgbouncer", dbname="pgbouncer", connect_timeout=_SECONDS
            )
        except psycopg2.OperationalError as error:
            raise ConsoleAwayError(str(error).strip()) from None
        try:
            connection.autocommit = True  # the console knows no transactions
            yield Session(connection)
        finally:
            connection.close()


class Session:
    """Commands; each raises ConsoleError."""

    def __init__(self, connection: extensions.connection) -> None:
        self._connection = connection

    def version(self) -> str:
        """For example `PgBouncer 1.26.0`."""
        return str(next(iter(self._ask("SHOW VERSION")[0].values())))

    def reload(self) -> None:
        """Read the files again; from 1.25 a mistake in them is an error here."""
        self._ask("RELOAD")

    def pools(self) -> list[Pool]:
        """All but the console's own."""
        return [_pool(row) for row in self._ask("SHOW POOLS") if row["database"] != "pgbouncer"]

    def clients(self) -> int:
        """Of all aliases, idle ones too."""
        return sum(1 for row in self._ask("SHOW CLIENTS") if row["database"] != "pgbouncer")

    def end_when_clients_have_left(self, idle_seconds: float) -> None:
        """Take no new clients, let those there are go on, and close a client that is idle for so long.

        A client between two transactions finds its connection closed, as by any idle time-out, and opens another; one
        that works is not disturbed. PgBouncer ends with its last client, this session included. Up to 1.24 it takes no
        new sessions either.
        """
        self._ask(f"SET client_idle_timeout = '{idle_seconds}'")
        self._ask("SHUTDOWN WAIT_FOR_CLIENTS")

    def end_when_transactions_have_ended(self) -> None:
        """Cut clients as soon as they are in no transaction."""
        self._ask("SHUTDOWN WAIT_FOR_SERVERS")

    def _ask(self, command: str) -> list[dict[str, Any]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(command)
                if cursor.description is None:
                    return []
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            kind = ConsoleAwayError if self._connection.closed else ConsoleError
            raise kind(f"{command}: {str(error).strip()}") from None


def _pool(row: dict[str, Any]) -> Pool:
    return Pool(
        alias=row["database"],
        clients_active=int(row["cl_active"]),
        clients_waiting=int(row["cl_waiting"]),
        servers_in_use=int(row["sv_active"]),
        servers_idle=int(row["sv_idle"]),
        longest_wait=int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6,
    )
