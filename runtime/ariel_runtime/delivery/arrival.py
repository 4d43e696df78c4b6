"""How far a revision of a team's repository has come: served by the mirror, fetched and parsed by the processor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final

from airflow.models import DagModel
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagbundle import DagBundleModel
from airflow.models.errors import ParseImportError
from airflow.utils.session import create_session
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ariel_runtime.delivery import journal, mirror
from ariel_runtime.delivery.journal import Delivery
from ariel_runtime.delivery.mirror import MirrorFailedError, MirrorStatus
from ariel_runtime.registry import Tenant

_MOST: Final = 20


@dataclass(frozen=True, kw_only=True)
class ImportFailure:
    file: str
    at: datetime | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What is known of one team's deliveries."""

    tenant: str
    next_key: int | None
    """Number of the key that the webhook accepts next; none before the first was issued."""
    mirror: MirrorStatus | None
    fault: str
    """Why the mirror told nothing."""
    fetched: str | None
    """Revision that the DAG processor has."""
    looked: datetime | None
    """When it last asked the mirror."""
    parsed: dict[str, int]
    """Revision -> how many of the team's DAGs stand in the database as they were parsed from it."""
    parsed_at: datetime | None
    """When the processor last parsed a file."""
    failures: Sequence[ImportFailure]
    deliveries: Sequence[Delivery]
    versions: dict[str, str]


def arrival(tenant: Tenant, session: Session) -> Arrival:
    served, fault = None, ""
    try:
        served = mirror.status(tenant)
    except MirrorFailedError as error:
        fault = str(error)
    bundle = session.get(DagBundleModel, tenant.bundle)
    present = (DagModel.bundle_name == tenant.bundle, ~DagModel.is_stale)
    parsed = select(DagModel.bundle_version, func.count()).where(*present).group_by(DagModel.bundle_version)
    issued = journal.issued(session, tenant.slug)
    return Arrival(
        tenant=tenant.slug,
        next_key=issued.number if issued else None,
        mirror=served,
        fault=fault,
        fetched=bundle.version if bundle else None,
        looked=bundle.last_refreshed if bundle else None,
        parsed={revision or "": number for revision, number in session.execute(parsed)},
        parsed_at=session.scalar(select(func.max(DagModel.last_parsed_time)).where(*present)),
        failures=_failures(tenant, session),
        deliveries=journal.latest(session, tenant.slug, _MOST),
        versions={"runtime": version("ariel-runtime"), "airflow": version("apache-airflow-core")},
    )


def parse_at_once(tenant: Tenant) -> bool:
    """Have the DAG processor fetch its bundle now; says whether it was asked.

    Airflow has no request for a bundle, only one for a file, which makes the processor fetch the whole bundle first.
    A team without DAGs has no file, and is looked at every few seconds anyway.
    """
    present = (DagModel.bundle_name == tenant.bundle, ~DagModel.is_stale, DagModel.relative_fileloc.is_not(None))
    with create_session() as session:
        file = session.scalar(select(func.min(DagModel.relative_fileloc)).where(*present))
    if file is None:
        return False
    # The same request may stand there already.
    with suppress(IntegrityError), create_session() as session:
        session.add(DagPriorityParsingRequest(bundle_name=tenant.bundle, relative_fileloc=file))
    return True


def _failures(tenant: Tenant, session: Session) -> list[ImportFailure]:
    found = select(ParseImportError).where(ParseImportError.bundle_name == tenant.bundle)
    newest = found.order_by(ParseImportError.timestamp.desc()).limit(_MOST)
    return [
        ImportFailure(file=each.filename or "", at=each.timestamp, text=each.stacktrace or "")
        for each in session.scalars(newest)
    ]
