"""How Airflow's own engines reach the metadata database: through PgBouncer as they are, or directly with tokens.

`airflow_local_settings` offers the two functions to Airflow, which calls them in place of its own. A process signs in
directly where `ARIEL_DATABASE_HOST` is set (migration, reconciler). It then has a token per connection: asked for when
a connection is made, given to the driver alone, and in no URL, so in no message either.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ariel_runtime.tokens import fresh_token

CONNECT_SECONDS: Final = 10
_AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian keeps the public authorities, one of which signs the servers of Azure."""

Password = Callable[[], str]
"""Gives what the server takes as password, anew for each connection."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A database and the role to be there. `port` is PostgreSQL's own but in tests."""

    host: str
    database: str
    role: str
    port: int = 5432

    @property
    def url(self) -> URL:
        return URL.create(
            "postgresql+psycopg2", username=self.role, host=self.host, port=self.port, database=self.database
        )

    @classmethod
    def of_environment(cls) -> Target:
        """As the pod's variables say. Raises KeyError with the name of one that is missing."""
        return cls(
            host=os.environ["ARIEL_DATABASE_HOST"],
            database=os.environ["ARIEL_DATABASE_NAME"],
            role=os.environ["ARIEL_DATABASE_ROLE"],
            port=int(os.environ.get("ARIEL_DATABASE_PORT", "5432")),
        )


def create_metadata_engine(
    sql_alchemy_conn: str, *, engine_args: dict[str, Any], connect_args: dict[str, Any]
) -> Engine:
    """Airflow's hook for its synchronous engine."""
    if not _direct():
        return create_engine(sql_alchemy_conn, connect_args=connect_args, **engine_args)
    return direct_engine(sql_alchemy_conn, connect_args=connect_args, **engine_args)


def create_async_metadata_engine(
    sql_alchemy_conn_async: str, *, connect_args: dict[str, Any], engine_args: dict[str, Any] | None = None
) -> AsyncEngine:
    """Airflow's hook for its asynchronous engine."""
    if not _direct():
        return create_async_engine(sql_alchemy_conn_async, connect_args=connect_args, **(engine_args or {}))
    verified = {"ssl": ssl.create_default_context(cafile=authorities()), "timeout": CONNECT_SECONDS}
    engine = create_async_engine(
        sql_alchemy_conn_async, connect_args={**connect_args, **verified}, **(engine_args or {})
    )
    _give(engine.sync_engine, token)
    return engine


def direct_engine(
    url: str | URL, *, password: Password | None = None, connect_args: dict[str, Any] | None = None, **engine_args: Any
) -> Engine:
    """A synchronous engine that verifies the server's name and asks for a password, else a token, per connection."""
    verified = {"sslmode": "verify-full", "sslrootcert": authorities(), "connect_timeout": CONNECT_SECONDS}
    engine = create_engine(url, connect_args={**(connect_args or {}), **verified}, **engine_args)
    _give(engine, password or token)
    return engine


def _give(engine: Engine, password: Password) -> None:
    @event.listens_for(engine, "do_connect")
    def provide(_dialect: Any, _record: Any, _positional: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = password()


def token() -> str:
    """A fresh token of the pod's own identity. Raises TokenUnavailableError, or KeyError without workload identity."""
    return fresh_token(os.environ["AZURE_CLIENT_ID"]).value


def authorities() -> str:
    """The file of authorities: `PGSSLROOTCERT` or `SSL_CERT_FILE` where set, else the system's."""
    return os.environ.get("PGSSLROOTCERT") or os.environ.get("SSL_CERT_FILE") or _AUTHORITIES


def _direct() -> bool:
    return "ARIEL_DATABASE_HOST" in os.environ
