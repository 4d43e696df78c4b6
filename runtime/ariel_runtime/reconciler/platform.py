"""What all tenants share: the roles of owner and runtime, the tenants' groups, who may enter, the schema's rules."""

from __future__ import annotations

from typing import Final

from ariel_runtime.database import roles, schema
from ariel_runtime.database.access import OWNER, RUNTIME, Kind
from ariel_runtime.database.writer import Writer
from ariel_runtime.reconciler.landscape import Landscape

_INSIDE: Final = (OWNER, RUNTIME, *Kind)


def shared_roles(landscape: Landscape) -> None:
    """Roles and the empty schema: all that the migration needs to begin."""
    for role, object_id in landscape.shared.items():
        landscape.ensure_role(role, object_id)
    with landscape.server.transaction() as server:
        for kind in Kind:
            if kind not in roles.existing(server, kind):
                server.write(f"CREATE ROLE {kind} NOLOGIN")
        # Not superuser: it works on Airflow's tables as a member of their owner.
        roles.join(server, OWNER, landscape.admin)
    with landscape.airflow.transaction() as airflow:
        _doors(airflow)
        _ownership(airflow, landscape.admin)
    with landscape.airflow.transaction(role=OWNER) as airflow:
        schema.later_tables(airflow)


def rules(landscape: Landscape) -> bool:
    """Grants, row security and guards, once the migration has made the schema; says whether it has."""
    with landscape.airflow.transaction(role=OWNER) as airflow:
        if not schema.exists(airflow):
            return False
        schema.bring_to_rules(airflow)
    return True


def _doors(airflow: Writer) -> None:
    """Into the database and its two schemas only by name."""
    database = airflow.column("SELECT current_database()")[0]
    if airflow.holds("SELECT WHERE has_database_privilege('public', current_database(), 'CONNECT')"):
        airflow.write(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    if airflow.holds("SELECT WHERE has_schema_privilege('public', 'public', 'USAGE')"):
        airflow.write("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    if not airflow.holds("SELECT FROM pg_namespace WHERE nspname = 'ariel'"):
        airflow.write(f"CREATE SCHEMA ariel AUTHORIZATION {OWNER}")
    for role in _INSIDE:
        if not airflow.holds("SELECT WHERE has_database_privilege(%s, current_database(), 'CONNECT')", role):
            airflow.write(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        if not airflow.holds("SELECT WHERE has_schema_privilege(%s, 'public', 'USAGE')", role):
            airflow.write(f"GRANT USAGE ON SCHEMA public TO {role}")
    for role in (RUNTIME, *Kind):
        if not airflow.holds("SELECT WHERE has_schema_privilege(%s, 'ariel', 'USAGE')", role):
            airflow.write(f"GRANT USAGE ON SCHEMA ariel TO {role}")
    if not airflow.holds("SELECT WHERE has_schema_privilege(%s, 'public', 'CREATE')", OWNER):
        airflow.write(f"GRANT CREATE ON SCHEMA public TO {OWNER}")


def _ownership(airflow: Writer, admin: str) -> None:
    """After the owner's role was replaced, what the admin kept for it is the owner's again."""
    if airflow.holds("SELECT FROM pg_class JOIN pg_roles r ON r.oid = relowner WHERE r.rolname = %s", admin):
        airflow.write(f"REASSIGN OWNED BY {roles.quoted(admin)} TO {OWNER}")
