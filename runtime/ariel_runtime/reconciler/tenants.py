"""One tenant in the database: its roles, its entry in `ariel.tenant`, its team, pool and bundle in Airflow."""

from __future__ import annotations

from typing import Final

from airflow.models.dagbundle import DagBundleModel
from airflow.models.pool import Pool
from airflow.models.team import Team

from ariel_runtime.database import roles
from ariel_runtime.database.access import Kind
from ariel_runtime.database.writer import Writer
from ariel_runtime.reconciler.landscape import Landscape
from ariel_runtime.registry import Tenant

_DESCRIPTION: Final = "Of the tenant of this name; ariel keeps it."


class ForeignRoleError(ValueError):
    """A tenant's entry names a role which is not of a tenant's kind."""


def keep(landscape: Landscape, tenant: Tenant) -> None:
    """All that is the tenant's is there, as its entry says. Raises ForeignRoleError before anything is written."""
    kinds = {role: _kind(role) for role in tenant.roles}
    with landscape.airflow.transaction() as airflow:
        _entry(airflow, tenant)
    _airflow_rows(landscape, tenant)
    for role, kind in kinds.items():
        landscape.ensure_role(role, tenant.roles[role].object_id)
        with landscape.server.transaction() as server:
            roles.join(server, kind, role)


def _kind(role: str) -> Kind:
    for kind in Kind:
        if role.startswith(kind.prefix):
            return kind
    raise ForeignRoleError(f"role {role}: a tenant's role begins with {' or '.join(kind.prefix for kind in Kind)}")


def _entry(airflow: Writer, tenant: Tenant) -> None:
    wanted = (tenant.slug, tenant.bundle, tenant.team, tenant.pool)
    if not airflow.holds("SELECT FROM ariel.tenant WHERE (slug, bundle, team, pool) = (%s, %s, %s, %s)", *wanted):
        airflow.write(
            "INSERT INTO ariel.tenant (slug, bundle, team, pool) VALUES (%s, %s, %s, %s) ON CONFLICT (slug)"
            " DO UPDATE SET bundle = excluded.bundle, team = excluded.team, pool = excluded.pool",
            *wanted,
        )
    members = set(airflow.column("SELECT role FROM ariel.member WHERE slug = %s", tenant.slug))
    for role in sorted(tenant.roles.keys() - members):
        airflow.write("INSERT INTO ariel.member (role, slug) VALUES (%s, %s)", role, tenant.slug)
    for role in sorted(members - tenant.roles.keys()):
        airflow.write("DELETE FROM ariel.member WHERE role = %s", role)


def _airflow_rows(landscape: Landscape, tenant: Tenant) -> None:
    """Through Airflow's models. A DAG processor whose team is missing ends at once and is started again."""
    with landscape.airflow.session() as session:
        team = session.get(Team, tenant.team) or Team(name=tenant.team)
        bundle = session.get(DagBundleModel, tenant.bundle) or DagBundleModel(name=tenant.bundle)
        session.add_all((team, bundle))
        session.flush()
        if [owner.name for owner in bundle.teams] != [tenant.team]:
            bundle.teams = [team]
        if not bundle.active:
            bundle.active = True
        Pool.create_or_update_pool(
            tenant.pool, tenant.slots, _DESCRIPTION, include_deferred=False, team_name=tenant.team, session=session
        )
