"""Brings Airflow's schema to the rules: privileges, row security, guards. What is right already is not written again.

Works as the schema's owner on the tables that exist; the migration makes the tables, and nothing here changes them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from ariel_runtime.database import guards
from ariel_runtime.database.access import OWNER, RUNTIME, TABLES, Kind, Privilege
from ariel_runtime.database.guards import SqlObject
from ariel_runtime.database.writer import Writer

_LOG = logging.getLogger(__name__)
_REVISION: Final = "alembic_version"


class Grant(NamedTuple):
    """One privilege as the catalogue holds it; `column` is empty for a whole table or sequence."""

    relation: str
    column: str
    role: str
    privilege: str


def exists(writer: Writer) -> bool:
    """Whether the migration has made the schema."""
    return writer.holds("SELECT WHERE to_regclass(%s) IS NOT NULL", f"public.{_REVISION}")


def bring_to_rules(writer: Writer) -> None:
    """All of it, on the tables that exist; names those that the rules speak of and that do not."""
    tables = set(writer.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    if absent := sorted({table.name for table in TABLES} - tables):
        _LOG.warning("The rules are for another version of Airflow: no table %s", ", ".join(absent))
    _objects(writer, [made for made in guards.objects() if made.table is None or made.table in tables])
    _row_security(writer, {table.name for table in TABLES if table.rows and table.name in tables})
    _privileges(writer, desired_grants(tables, _sequences(writer)))


def later_tables(writer: Writer) -> None:
    """Default privileges: what the owner makes from now on, the runtime may read and write at once."""
    rights = {"r": ("TABLES", tuple(Privilege)), "S": ("SEQUENCES", ("USAGE",))}
    for kind, (name, privileges) in rights.items():
        held = writer.column(
            "SELECT privilege_type FROM pg_default_acl, aclexplode(defaclacl)"
            " WHERE defaclrole = %s::regrole AND defaclnamespace = 'public'::regnamespace AND defaclobjtype = %s"
            " AND grantee = %s::regrole",
            OWNER,
            kind,
            RUNTIME,
        )
        if missing := [privilege for privilege in privileges if privilege not in held]:
            writer.write(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public"
                f" GRANT {', '.join(missing)} ON {name} TO {RUNTIME}"
            )


def desired_grants(tables: Iterable[str], sequences: Iterable[tuple[str, str]]) -> set[Grant]:
    """What the runtime and the two kinds of tenant roles shall hold on these tables and (table, sequence) pairs."""
    tables, sequences = set(tables), set(sequences)
    grants = {Grant(table, "", RUNTIME, privilege) for table in tables - {_REVISION} for privilege in Privilege}
    grants.add(Grant(_REVISION, "", RUNTIME, Privilege.SELECT))
    grants |= {Grant(sequence, "", RUNTIME, "USAGE") for _, sequence in sequences}
    for table in TABLES:
        if table.name not in tables:
            continue
        for kind in Kind:
            for right in table.rights(kind):
                grants |= {Grant(table.name, column, kind, right.privilege) for column in right.columns or ("",)}
                if right.privilege is Privilege.INSERT:
                    grants |= {
                        Grant(sequence, "", kind, "USAGE") for owner, sequence in sequences if owner == table.name
                    }
    return grants


def _sequences(writer: Writer) -> list[tuple[str, str]]:
    found = writer.rows(
        "SELECT t.relname, s.relname FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
        " JOIN pg_class t ON t.oid = d.refobjid WHERE d.deptype = 'a' AND t.relnamespace = 'public'::regnamespace"
    )
    return [(table, sequence) for table, sequence in found]


def _privileges(writer: Writer, desired: set[Grant]) -> None:
    held = _held(writer)
    for verb, preposition, grants in (("REVOKE", "FROM", held - desired), ("GRANT", "TO", desired - held)):
        for (relation, role), some in _by_relation_and_role(grants).items():
            privileges = ", ".join(
                f'{grant.privilege} ("{grant.column}")' if grant.column else grant.privilege for grant in sorted(some)
            )
            kind = "SEQUENCE" if some[0].privilege == "USAGE" else "TABLE"
            writer.write(f"{verb} {privileges} ON {kind} public.{relation} {preposition} {role}")


def _held(writer: Writer) -> set[Grant]:
    roles = [RUNTIME, *Kind]
    found = writer.rows(
        "SELECT relname, '', grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl)"
        " WHERE relnamespace = 'public'::regnamespace AND grantee::regrole::text = ANY (%s) UNION ALL"
        " SELECT relname, attname, grantee::regrole::text, privilege_type"
        " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl)"
        " WHERE relnamespace = 'public'::regnamespace AND grantee::regrole::text = ANY (%s)",
        roles,
        roles,
    )
    return {Grant(*row) for row in found}


def _by_relation_and_role(grants: set[Grant]) -> dict[tuple[str, str], list[Grant]]:
    grouped = defaultdict(list)
    for grant in sorted(grants):
        grouped[grant.relation, grant.role].append(grant)
    return grouped


def _row_security(writer: Writer, desired: set[str]) -> None:
    held = set(
        writer.column("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity")
    )
    for table in sorted(desired - held):
        writer.write(f"ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY")
    for table in sorted(held - desired):
        writer.write(f"ALTER TABLE public.{table} DISABLE ROW LEVEL SECURITY")


def _objects(writer: Writer, desired: Iterable[SqlObject]) -> None:
    desired = list(desired)
    marks = _marks(writer)
    for made in desired:
        if marks.get(made.target) != made.mark:
            writer.write(made.create)
            writer.write(f"COMMENT ON {made.target} IS '{made.mark}'")
    for target in sorted(set(marks) - {made.target for made in desired}):
        writer.write(f"DROP {target}")


def _marks(writer: Writer) -> dict[str, str]:
    """Our objects in the database and the comment on each."""
    found = writer.rows(
        "SELECT 'POLICY ' || polname || ' ON public.' || relname, obj_description(p.oid, 'pg_policy')"
        " FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE relnamespace = 'public'::regnamespace UNION ALL"
        " SELECT 'TRIGGER ' || tgname || ' ON public.' || relname, obj_description(t.oid, 'pg_trigger')"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid"
        " WHERE relnamespace = 'public'::regnamespace AND starts_with(tgname, 'ariel_') UNION ALL"
        " SELECT 'FUNCTION ariel.' || proname || '()', obj_description(oid, 'pg_proc')"
        " FROM pg_proc WHERE pronamespace = 'ariel'::regnamespace UNION ALL"
        " SELECT 'TABLE ariel.' || relname, obj_description(oid, 'pg_class')"
        " FROM pg_class WHERE relnamespace = 'ariel'::regnamespace AND relkind = 'r'"
    )
    return {target: mark or "" for target, mark in found}
