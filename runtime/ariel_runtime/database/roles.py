"""The database roles behind Entra identities: made and dropped by object id, with the functions of the server.

`pgaadauth_*` exist in database `postgres` only. Which roles there shall be is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ariel_runtime.database.writer import Writer

ADMIN_DATABASE: Final = "postgres"


def principals(writer: Writer) -> Mapping[str, str]:
    """Role -> object id, of all roles that are identities. By position: sources disagree on the columns' names."""
    return {row[0]: row[2].lower() for row in writer.rows("SELECT * FROM pgaadauth_list_principals(false)")}


def existing(writer: Writer, prefix: str) -> list[str]:
    return writer.column("SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY 1", prefix)


def quoted(role: str) -> str:
    """As an identifier: Azure names an administrator's role like its identity, and those names hold hyphens."""
    return '"' + role.replace('"', '""') + '"'


def create(writer: Writer, role: str, object_id: str) -> None:
    """A role that tokens of this identity open; it may do nothing yet."""
    writer.write("SELECT pgaadauth_create_principal_with_oid(%s, %s, 'service', false, false)", role, object_id)


def drop(writer: Writer, role: str) -> None:
    """It must hold nothing in any database any more: see `disown`."""
    writer.write(f"DROP ROLE {quoted(role)}")


def close(writer: Writer, role: str) -> None:
    """No new session from the end of this transaction on."""
    writer.write(f"ALTER ROLE {quoted(role)} NOLOGIN")


def end_sessions(writer: Writer, role: str) -> None:
    writer.write("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", role)


def disown(writer: Writer, role: str, heir: str) -> None:
    """In the database of `writer`, `role` holds nothing any more; what it owned is the heir's."""
    writer.write(f"REASSIGN OWNED BY {quoted(role)} TO {quoted(heir)}")
    writer.write(f"DROP OWNED BY {quoted(role)}")


def join(writer: Writer, group: str, role: str) -> None:
    """`role` gets what `group` holds, if it has not."""
    if not writer.holds("SELECT WHERE pg_has_role(%s, %s, 'USAGE')", role, group):
        writer.write(f"GRANT {quoted(group)} TO {quoted(role)}")
