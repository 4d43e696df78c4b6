"""What becomes of a tenant that left the registry: its roles, rights and secrets go, the history of its runs stays.

Its DAGs stay listed, stale and paused, under an inactive bundle without a team; runs that were under way are failed. A
tenant of the same slug that comes later finds them again.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from ariel_runtime.database import roles
from ariel_runtime.database.access import Kind
from ariel_runtime.reconciler.landscape import Landscape

_STATEMENTS: Final = (
    "UPDATE task_instance SET state = 'failed', end_date = now()"
    " WHERE dag_id IN (SELECT dag_id FROM dag WHERE bundle_name = %(bundle)s) AND state IN"
    " ('scheduled', 'queued', 'running', 'restarting', 'deferred', 'up_for_retry', 'up_for_reschedule')",
    "UPDATE dag_run SET state = 'failed', end_date = now()"
    " WHERE dag_id IN (SELECT dag_id FROM dag WHERE bundle_name = %(bundle)s) AND state IN ('queued', 'running')",
    "UPDATE dag SET is_stale = true, is_paused = true WHERE bundle_name = %(bundle)s",
    "DELETE FROM callback WHERE bundle_name = %(bundle)s",
    "DELETE FROM dag_priority_parsing_request WHERE bundle_name = %(bundle)s",
    "DELETE FROM import_error WHERE bundle_name = %(bundle)s",
    # The foreign key would delete the task instances with the trigger for which they once waited.
    "UPDATE task_instance SET trigger_id = NULL"
    " WHERE trigger_id IN (SELECT id FROM trigger WHERE team_name = %(team)s)",
    "DELETE FROM trigger WHERE team_name = %(team)s",
    # Without its team a secret would be everybody's.
    "DELETE FROM variable WHERE team_name = %(team)s",
    "DELETE FROM connection WHERE team_name = %(team)s",
    "DELETE FROM connection_test_request WHERE team_name = %(team)s",
    "DELETE FROM slot_pool WHERE pool = %(pool)s",
    "UPDATE dag_bundle SET active = false WHERE name = %(bundle)s",
    "DELETE FROM team WHERE name = %(team)s",
    "DELETE FROM ariel.tenant WHERE slug = %(slug)s",
)
"""In this order: nothing of the tenant's may come free before it is gone."""


def departed(landscape: Landscape, known: AbstractSet[str]) -> dict[str, list[str]]:
    """Slug -> roles of each tenant that the database has and that is not `known`.

    A role whose entry was never written or is gone already counts by its name, in which `_` stands for `-`.
    """
    names = {slug.replace("-", "_") for slug in known}
    with landscape.airflow.transaction() as airflow:
        slugs = {slug.replace("-", "_"): slug for slug in airflow.column("SELECT slug FROM ariel.tenant")}
    found: dict[str, list[str]] = {slug: [] for name, slug in slugs.items() if name not in names}
    with landscape.server.transaction() as server:
        for kind in Kind:
            for role in roles.existing(server, kind.prefix):
                name = role.removeprefix(kind.prefix)
                if name not in names:
                    found.setdefault(slugs.get(name, name), []).append(role)
    return found


def remove(landscape: Landscape, slug: str, tenant_roles: list[str]) -> None:
    """The roles first, so that nothing is written any more."""
    for role in tenant_roles:
        landscape.remove_role(role)
    with landscape.airflow.transaction() as airflow:
        for entry in airflow.rows("SELECT slug, bundle, team, pool FROM ariel.tenant WHERE slug = %s", slug):
            for statement in _STATEMENTS:
                airflow.write(statement, **entry._mapping)
