"""Which rows of a table a tenant's roles see and write: the rules from which row security policies are made.

A tenant's DAG ids begin with `<slug>.`, which a guard enforces, so that most rules need no look-up in another table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rows:
    """A rule: what it says, and the SQL condition which is true for the tenant's rows.

    The condition stands in `USING` and in `WITH CHECK`; functions are called in a sub-select, so once per statement.
    """

    text: str
    condition: str


def _of_dag(column: str) -> Rows:
    return Rows(f"`{column}` begins with `<slug>.`", f"starts_with({column}, (SELECT ariel.dag_prefix()))")


def _of_bundle(column: str) -> Rows:
    return Rows(f"`{column}` is the tenant's bundle", f"{column} = (SELECT ariel.bundle())")


def _of_team(column: str) -> Rows:
    return Rows(f"`{column}` is the tenant's team", f"{column} = (SELECT ariel.team())")


def _of_parent(column: str, parent: str) -> Rows:
    """Rows whose parent the role sees: the parent's own rule is applied inside."""
    return Rows(f"`{column}` is a visible row of `{parent}`", f"{column} IN (SELECT id FROM public.{parent})")  # noqa: S608


DAG: Final = _of_dag("dag_id")
TARGET_DAG: Final = _of_dag("target_dag_id")
SOURCE_DAG: Final = Rows(
    "`source_dag_id` begins with `<slug>.`, or is none",
    f"(source_dag_id IS NULL OR {_of_dag('source_dag_id').condition})",
)
DAG_OF_BUNDLE: Final = Rows(
    f"{DAG.text}, and `bundle_name` is the tenant's bundle",
    f"{DAG.condition} AND bundle_name = (SELECT ariel.bundle())",
)
BUNDLE: Final = _of_bundle("bundle_name")
BUNDLE_ITSELF: Final = _of_bundle("name")
BUNDLE_OF_TEAM: Final = _of_bundle("dag_bundle_name")
TEAM: Final = _of_team("team_name")
TEAM_ITSELF: Final = _of_team("name")
TRIGGER_CHILD: Final = _of_parent("trigger_id", "trigger")
SERIALIZED_DAG_CHILD: Final = _of_parent("serialized_dag_id", "serialized_dag")
TASK_INSTANCE_CHILD: Final = _of_parent("ti_id", "task_instance")
OWN_JOB: Final = Rows("`unixname` is the role, which a guard writes there", "unixname = current_user")
