"""What becomes of a tenant that left the registry: its roles, rights and secrets go, the history of its runs stays.

Its DAGs stay listed, stale and paused, under an inactive bundle without a team; runs that were under way are failed. A
tenant of the same slug that comes later finds them again.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from ariel_runtime.database import roles
from ariel_runtime.database.access import Kind
from ariel_runtime.database.writer import Writer
from ariel_runtime.reconciler.landscape import Landscape

_OF_BUNDLE: Final = "dag_id IN (SELECT dag_id FROM dag WHERE bundle_name = %(bundle)s)"

_STATEMENTS: Final = (
    f"UPDATE task_instance SET state = 'failed', end_date = now() WHERE {_OF_BUNDLE} AND state IN"
    " ('scheduled', 'queued', 'running', 'restarting', 'deferred', 'up_for_retry', 'up_for_reschedule')",
    # The foreign key would delete task instances with the trigger that they once waited for.
    "UPDATE task_instance SET trigger_id = NULL WHERE trigger_id IN (SELECT id FROM trigger WHERE team_name = %(team)s)",
    f"UPDATE dag_run SET state = 'failed', end_date = now() WHERE {_OF_BUNDLE} AND state IN ('queued', 'running')",
    "UPDATE dag SET is_stale = true, is_paused = true WHERE bundle_name = %(bundle)s",
    "DELETE FROM callback WHERE bundle_name = %(bundle)s",
    "DELETE FROM dag_priority_parsing_request WHERE bundle_name = %(bundle)s",
    "DELETE FROM import_error WHERE bundle_name = %(bundle)s",
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


def remove_absent(landscape: Landscape, known: AbstractSet[str]) -> None:
    """Removes every tenant whose slug is not `known`; the roles first, so that nothing is written any more."""
    names = {slug.replace("-", "_") for slug in known}
    with landscape.server.transaction() as server:
        orphans = [
            role
            for kind in Kind
            for role in roles.existing(server, kind.prefix)
            if role.removeprefix(kind.prefix) not in names
        ]
    for role in orphans:
        landscape.remove_role(role)
    with landscape.airflow.transaction() as airflow:
        for entry in airflow.rows("SELECT slug, bundle, team, pool FROM ariel.tenant ORDER BY slug"):
            if entry.slug not in known:
                _retire(airflow, dict(entry._mapping))


def _retire(airflow: Writer, entry: dict[str, str]) -> None:
    for statement in _STATEMENTS:
        airflow.write(statement, **entry)
