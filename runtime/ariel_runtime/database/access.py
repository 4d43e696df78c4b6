"""What each kind of role may do with each table of the pinned Airflow: the one table behind grants, README and tests.

Found by running: each privilege was added because Airflow failed without it. A table that does not stand here is closed
to tenants, also one that a later version adds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ariel_runtime.database import rows
from ariel_runtime.database.rows import Rows

OWNER: Final = "ariel_owner"
"""Owns the schema and migrates it."""
RUNTIME: Final = "ariel_runtime"
"""Scheduler and API server: reads and writes every row, changes no table."""


class Kind(StrEnum):
    """A kind of tenant role, by the role without login that holds its grants; a tenant's own role is a member."""

    PROCESSOR = "ariel_dagproc"
    TRIGGERER = "ariel_trigger"

    @property
    def prefix(self) -> str:
        """Of the names of the tenants' roles."""
        return f"{self.value}_"


class Privilege(StrEnum):
    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Right:
    """A privilege on all columns, or on some."""

    privilege: Privilege
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """What tenant roles may do with one table; `rows` is none where all rows are for everybody."""

    name: str
    rows: Rows | None
    processor: tuple[Right, ...] = ()
    triggerer: tuple[Right, ...] = ()

    def rights(self, kind: Kind) -> tuple[Right, ...]:
        return self.processor if kind is Kind.PROCESSOR else self.triggerer


def only(privilege: Privilege, *columns: str) -> Right:
    return Right(privilege, columns)


SELECT: Final = Right(Privilege.SELECT)
INSERT: Final = Right(Privilege.INSERT)
UPDATE: Final = Right(Privilege.UPDATE)
DELETE: Final = Right(Privilege.DELETE)
READ: Final = (SELECT,)
ALL: Final = (SELECT, INSERT, UPDATE, DELETE)

_WRITE: Final = (SELECT, INSERT, UPDATE)
_REPLACE: Final = (SELECT, INSERT, DELETE)

TABLES: Final = (
    # What a process asks and says when it starts, and each few seconds.
    Table("alembic_version", None, processor=READ, triggerer=READ),
    Table("log_template", None, processor=READ, triggerer=READ),
    Table("job", rows.OWN_JOB, processor=_WRITE, triggerer=_WRITE),
    # Whose is what: to be read.
    Table("team", rows.TEAM_ITSELF, processor=READ, triggerer=READ),
    Table("dag_bundle_team", rows.BUNDLE_OF_TEAM, processor=READ, triggerer=READ),
    Table(
        "dag_bundle",
        rows.BUNDLE_ITSELF,
        processor=(
            SELECT,
            only(Privilege.UPDATE, "last_refreshed", "signed_url_template", "template_params", "version"),
        ),
        triggerer=READ,
    ),
    # What parsing makes.
    Table("dag", rows.DAG_OF_BUNDLE, processor=_WRITE, triggerer=READ),
    Table(
        "dag_version",
        rows.DAG_OF_BUNDLE,
        processor=(SELECT, INSERT, only(Privilege.UPDATE, "bundle_version", "last_updated", "version_data")),
        triggerer=READ,
    ),
    Table("serialized_dag", rows.DAG, processor=_WRITE, triggerer=READ),
    Table("dag_code", rows.DAG, processor=_WRITE),
    Table("dag_tag", rows.DAG, processor=_REPLACE),
    Table("dag_owner_attributes", rows.DAG, processor=ALL),
    Table("dag_warning", rows.DAG, processor=ALL),
    Table("import_error", rows.BUNDLE, processor=ALL),
    Table("deadline_alert", rows.SERIALIZED_DAG_CHILD, processor=ALL),
    # What parsing is asked to do. Locking a row needs the right to change some column of it.
    Table("dag_priority_parsing_request", rows.BUNDLE, processor=(SELECT, DELETE)),
    Table(
        "callback",
        rows.BUNDLE,
        processor=(SELECT, DELETE, only(Privilege.UPDATE, "priority_weight")),
        triggerer=(SELECT, INSERT, only(Privilege.UPDATE, "output", "state", "trigger_id")),
    ),
    # Runs.
    Table("dag_run", rows.DAG, processor=READ, triggerer=READ),
    Table(
        "task_instance",
        rows.DAG,
        processor=READ,
        triggerer=(
            SELECT,
            only(
                Privilege.UPDATE,
                "duration",
                "end_date",
                "next_kwargs",
                "next_method",
                "scheduled_dttm",
                "state",
                "trigger_id",
                "updated_at",
            ),
        ),
    ),
    Table("xcom", rows.DAG, triggerer=_REPLACE),
    Table(
        "trigger",
        rows.TEAM,
        processor=(SELECT, INSERT),
        triggerer=(SELECT, only(Privilege.UPDATE, "triggerer_id"), DELETE),
    ),
    Table(
        "hitl_detail",
        rows.TASK_INSTANCE_CHILD,
        triggerer=(SELECT, only(Privilege.UPDATE, "chosen_options", "params_input", "responded_at", "responded_by")),
    ),
    # Assets, which all tenants share by name; who uses them is each tenant's own.
    Table(
        "asset",
        None,
        processor=(SELECT, INSERT, only(Privilege.UPDATE, "extra", "group", "updated_at")),
        triggerer=READ,
    ),
    Table("asset_alias", None, processor=(SELECT, INSERT, only(Privilege.UPDATE, "group")), triggerer=READ),
    Table("asset_alias_asset", None, processor=READ, triggerer=READ),
    Table("asset_active", None, processor=(SELECT, INSERT), triggerer=READ),
    Table("asset_watcher", rows.TRIGGER_CHILD, processor=_REPLACE, triggerer=READ),
    Table("dag_schedule_asset_reference", rows.DAG, processor=ALL, triggerer=READ),
    Table("dag_schedule_asset_alias_reference", rows.DAG, processor=_REPLACE),
    Table("dag_schedule_asset_name_reference", rows.DAG, processor=_REPLACE, triggerer=READ),
    Table("dag_schedule_asset_uri_reference", rows.DAG, processor=_REPLACE, triggerer=READ),
    Table("task_outlet_asset_reference", rows.DAG, processor=ALL),
    Table("task_inlet_asset_reference", rows.DAG, processor=_REPLACE),
    Table(
        "asset_event",
        rows.SOURCE_DAG,
        triggerer=(
            INSERT,
            only(
                Privilege.SELECT,
                "asset_id",
                "id",
                "partition_key",
                "source_dag_id",
                "source_map_index",
                "source_run_id",
                "source_task_id",
                "timestamp",
            ),
        ),
    ),
    Table("asset_dag_run_queue", rows.TARGET_DAG, processor=(SELECT, DELETE), triggerer=(SELECT, INSERT)),
    Table("asset_partition_dag_run", rows.TARGET_DAG, triggerer=_WRITE),
    Table("partitioned_asset_key_log", rows.TARGET_DAG, triggerer=(SELECT, INSERT)),
)
