"""What is known of a team's secrets: from its vault, from Airflow's database, and from its own report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from airflow.models import Connection, DagModel, DagRun, Variable
from pydantic import ValidationError
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from ariel_runtime.plugins.results import newest_results
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.desk import Desk, Entry, VaultFailedError
from ariel_runtime.secrets.names import Kind
from ariel_runtime.secrets.report import DAG, REPORT, TESTS, Report, Tested

_MOST_TESTS: Final = 50
"""Runs in which a connection's last test is looked for."""
_LONGEST_REPORT: Final = 1_000_000
_LONGEST_TEST: Final = 20_000
"""Characters as JSON."""

Shape = TypeVar("Shape", Report, Tested)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of one team's secrets."""

    tenant: Tenant
    entries: Sequence[Entry] = ()
    """Of its vault."""
    fault: str = ""
    """Why the vault told nothing."""
    database: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of what Airflow's database holds for the team or for all: kind and id -> type of a connection."""
    has_dag: bool = False
    """Whether the team's repository has the DAG that reports."""
    is_paused: bool = False
    """Whether its runs wait until somebody unpauses it."""
    is_running: bool = False
    """Whether a run of it goes on."""
    report: Report | None = None
    tests: Mapping[str, Tested] = field(default_factory=dict)
    """Connection -> its last test."""


def reporting_dag(tenant: Tenant, session: Session) -> DagModel | None:
    """The DAG that reports, where the team's repository has it now."""
    return session.scalar(select(DagModel).where(DagModel.dag_id == f"{tenant.slug}{DAG}", ~DagModel.is_stale))


def known(tenant: Tenant, session: Session) -> Known:
    dag_id = f"{tenant.slug}{DAG}"
    fault, entries = "", []
    try:
        entries = Desk(tenant).entries()
    except VaultFailedError as error:
        fault = str(error)
    dag = reporting_dag(tenant, session)
    going_on = select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.state.in_(("queued", "running"))).limit(1)
    reports = newest_results(session, dag_id, REPORT, longest=_LONGEST_REPORT)
    tests = newest_results(session, dag_id, TESTS, longest=_LONGEST_TEST, most=_MOST_TESTS)
    tested = [each for found in tests for each in _each(Tested, found)]
    return Known(
        tenant=tenant,
        entries=entries,
        fault=fault,
        database=_in_database(tenant.team, session),
        has_dag=dag is not None,
        is_paused=dag is not None and dag.is_paused,
        is_running=dag is not None and not dag.is_paused and session.scalar(going_on) is not None,
        report=next((each for found in reports for each in _each(Report, [found])), None),
        # The newest come first.
        tests={each.id: each for each in reversed(tested)},
    )


def _each(shape: type[Shape], found: object) -> Iterator[Shape]:
    """What a task returned, in as far as it has the shape: the team's own code wrote it."""
    for each in found if isinstance(found, list) else []:
        with suppress(ValidationError, RecursionError):
            yield shape.model_validate(each)


def _in_database(team: str, session: Session) -> dict[tuple[str, str], str]:
    connections = select(Connection.conn_id, Connection.conn_type).where(_of_team(Connection, team))
    variables = select(Variable.key).where(_of_team(Variable, team))
    return {
        **{(str(Kind.CONNECTION), conn_id): conn_type for conn_id, conn_type in session.execute(connections)},
        **{(str(Kind.VARIABLE), key): "" for key in session.scalars(variables)},
    }


def _of_team(model: type[Connection] | type[Variable], team: str) -> ColumnElement[bool]:
    return or_(model.team_name.is_(None), model.team_name == team)
