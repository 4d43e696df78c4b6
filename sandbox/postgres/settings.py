"""The server's configuration files, as text: what ARM's server parameters and the sandbox's own rules come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sandbox.postgres.tree import HOME

ADMINISTRATOR: Final = "azuresu"
"""The superuser, named as in Azure. It signs in by the server's local socket only."""

PORT: Final = 5432
SOCKETS: Final = f"{HOME}/run"

AUTHORIZED_BY_ADDRESS: Final = "require_secure_transport"
"""No parameter of PostgreSQL: it decides in pg_hba.conf what becomes of connections without TLS."""

_LIBRARIES: Final = "shared_preload_libraries"

_OWN: Final[Mapping[str, str]] = {
    "port": str(PORT),
    "unix_socket_directories": SOCKETS,
    "ssl": "on",
    "ssl_cert_file": f"{HOME}/tls/server.crt",
    "ssl_key_file": f"{HOME}/tls/server.key",
    # Source: Azure Database for PostgreSQL, "Limits": 15 connections of max_connections are reserved.
    "superuser_reserved_connections": "10",
    "reserved_connections": "5",
    # After a crash PostgreSQL syncs its whole folder first: file by file that takes a second, by file system far less.
    "recovery_init_sync_method": "syncfs",
    # Azure gives a quarter of the SKU's memory, which would be the machine's. An override is honoured.
    "shared_buffers": "128MB",
}


def configuration(server: str, address: str, parameters: Mapping[str, str], libraries: Collection[str]) -> str:
    """postgresql.conf. Names with a dot that no extension defines are kept by PostgreSQL as they are.

    Libraries that the tree does not have are left out: the server would not start.
    """
    values = {**_OWN, "cluster_name": server, "listen_addresses": address, **parameters}
    values.pop(AUTHORIZED_BY_ADDRESS, None)
    wanted = [name.strip() for name in values.get(_LIBRARIES, "").split(",")]
    values[_LIBRARIES] = ",".join(name for name in wanted if name in libraries)
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in sorted(values.items()))


def access(server: str, sign_in_port: int, *, secure_only: bool) -> str:
    """pg_hba.conf: sign-in by token (`sandbox.postgres.sign_in`), with TLS, and never as the superuser.

    PostgreSQL puts the role's name behind the prefix as it is; server names have no `/`, so it can be read back.
    """
    network = "hostssl" if secure_only else "host"
    ldap = f'ldap ldapserver=127.0.0.1 ldapport={sign_in_port} ldapprefix="{server}/"'
    return "\n".join(
        [
            f"local all {ADMINISTRATOR} peer map=owner",
            "local all all reject",
            f"host all {ADMINISTRATOR} all reject",
            f"{network} all all all {ldap}",
            "host all all all reject",
            "",
        ]
    )


def identities() -> str:
    """pg_ident.conf: the tree's `postgres` is the superuser."""
    return f"owner postgres {ADMINISTRATOR}\n"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
