"""What the database knows of a tenant's webhook: the number of the next key, and what was delivered. Never a key.

The tables are made by the reconciler (`ariel_runtime.database.guards`); the API server alone reads and writes them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from airflow.sdk import timezone
from airflow.utils.sqlalchemy import UtcDateTime
from sqlalchemy import column, delete, func, insert, select, table, update
from sqlalchemy.orm import Session

from ariel_runtime.database.guards import SCHEMA
from ariel_runtime.delivery.keys import Keys

KEPT: Final = 1000
"""Deliveries of one tenant that are remembered: a signature that is older could be used again, to fetch what is there
anyway."""

_WEBHOOK: Final = table("webhook", column("slug"), column("salt"), column("sequence"), schema=SCHEMA)
_DELIVERY: Final = table(
    "webhook_delivery",
    column("slug"),
    column("proof"),
    column("at", UtcDateTime()),
    column("sender"),
    column("revision"),
    column("result"),
    schema=SCHEMA,
)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A tenant's webhook once its first key was issued."""

    keys: Keys
    number: int
    """Of the key that is accepted next."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    at: datetime
    sender: str
    """`key`, or whose signature it was."""
    revision: str | None
    """What the mirror served then; none where it did not say."""
    result: str


def issued(session: Session, slug: str, *, lock: bool = False) -> Issued | None:
    """None where no key was issued yet; with `lock`, also where another session has it locked now."""
    query = select(_WEBHOOK.c.salt, _WEBHOOK.c.sequence).where(_WEBHOOK.c.slug == slug)
    row = session.execute(query.with_for_update(skip_locked=True) if lock else query).one_or_none()
    return Issued(keys=Keys(slug=slug, salt=row.salt), number=row.sequence) if row else None


def begin(session: Session, slug: str) -> None:
    """Issue the first key. Raises sqlalchemy's IntegrityError where that was done."""
    session.execute(insert(_WEBHOOK).values(slug=slug, salt=secrets.token_hex(16), sequence=1))


def begin_anew(session: Session, slug: str) -> None:
    """Another salt: no key and no signature of before is accepted."""
    session.execute(update(_WEBHOOK).where(_WEBHOOK.c.slug == slug).values(salt=secrets.token_hex(16), sequence=1))


def advance(session: Session, slug: str, number: int) -> None:
    """From now on the key of that number is accepted next."""
    session.execute(update(_WEBHOOK).where(_WEBHOOK.c.slug == slug).values(sequence=number))


def was_used(session: Session, slug: str, proof: str) -> bool:
    """Whether this key or signature is among the remembered ones."""
    used = select(func.count()).where(_DELIVERY.c.slug == slug, _DELIVERY.c.proof == _digest(proof))
    return bool(session.scalar(used))


def accepted_within(session: Session, slug: str, seconds: int) -> int:
    since = timezone.utcnow() - timedelta(seconds=seconds)
    return session.scalar(select(func.count()).where(_DELIVERY.c.slug == slug, _DELIVERY.c.at > since)) or 0


def accept(session: Session, slug: str, proof: str, sender: str) -> None:
    """Remember that this key or signature was used, and forget the oldest."""
    row = {"slug": slug, "proof": _digest(proof), "at": timezone.utcnow(), "sender": sender, "result": "accepted"}
    session.execute(insert(_DELIVERY).values(**row))
    of_tenant = _DELIVERY.c.slug == slug
    oldest = select(_DELIVERY.c.at).where(of_tenant).order_by(_DELIVERY.c.at.desc()).offset(KEPT - 1).limit(1)
    session.execute(delete(_DELIVERY).where(of_tenant, _DELIVERY.c.at < oldest.scalar_subquery()))


def conclude(session: Session, slug: str, proof: str, revision: str | None, result: str) -> None:
    """What came of it."""
    accepted = (_DELIVERY.c.slug == slug, _DELIVERY.c.proof == _digest(proof))
    session.execute(update(_DELIVERY).where(*accepted).values(revision=revision, result=result))


def latest(session: Session, slug: str, most: int) -> list[Delivery]:
    """The newest first."""
    wanted = (_DELIVERY.c.at, _DELIVERY.c.sender, _DELIVERY.c.revision, _DELIVERY.c.result)
    query = select(*wanted).where(_DELIVERY.c.slug == slug).order_by(_DELIVERY.c.at.desc()).limit(most)
    return [Delivery(**row) for row in session.execute(query).mappings()]


def _digest(proof: str) -> str:
    return sha256(proof.encode()).hexdigest()
