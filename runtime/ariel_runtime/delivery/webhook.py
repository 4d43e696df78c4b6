"""What a caller of a tenant's webhook may do: prove who it is, once per proof, and have the newest revision fetched.

Raises RefusedCallError, which says what to answer. A key is used up when the next one stands in the vault; what is
fetched afterwards may fail without giving it back. Each step that changes something is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from airflow.configuration import conf
from airflow.utils.session import create_session
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ariel_runtime.delivery import arrival, journal, mirror
from ariel_runtime.delivery.guesses import MINUTE
from ariel_runtime.delivery.journal import Issued
from ariel_runtime.delivery.mirror import MirrorFailedError
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.desk import Desk, VaultFailedError
from ariel_runtime.secrets.names import Kind

KEY: Final = "webhook-key"
SIGNING: Final = "webhook-github-secret"
URL: Final = "webhook-url"
"""Ids of the plain secrets in the tenant's vault."""

MOST_PER_MINUTE: Final = 6
"""Accepted calls of one tenant: each writes a version into its vault, or fetches."""

_LOG = structlog.get_logger(__name__)


class RefusedCallError(Exception):
    """`status` and the text are the answer; `wait` says after how many seconds the same call may do."""

    def __init__(self, status: int, text: str, wait: int = 0) -> None:
        super().__init__(text)
        self.status, self.wait = status, wait


class NobodyError(RefusedCallError):
    """No valid proof; tells nobody which tenants there are."""

    def __init__(self) -> None:
        super().__init__(403, "not a valid key or signature of a tenant's webhook")


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """The answer to who was let in."""

    tenant: str
    revision: str
    parse_asked: bool
    """Whether the DAG processor was asked to fetch at once; without it, it does at its next look."""


def issue(tenant: Tenant, *, anew: bool = False) -> list[str]:
    """Write key, signing secret and URL into the tenant's vault; `anew`, other ones than before. Their names there.

    Raises VaultFailedError.
    """
    with suppress(IntegrityError), create_session() as session:
        journal.begin(session, tenant.slug)
    with create_session() as session:
        if _locked(session, tenant) and anew:
            journal.begin_anew(session, tenant.slug)
        found = journal.issued(session, tenant.slug)
        assert found is not None
        url = f"{conf.get_mandatory_value('api', 'base_url').rstrip('/')}/ariel/webhook/{tenant.slug}"
        values = {KEY: found.keys.rolling(found.number), SIGNING: found.keys.signing(), URL: url}
        desk = Desk(tenant)
        return [desk.set_value(Kind.SECRET, name, value).name for name, value in values.items()]


def by_key(tenant: Tenant, key: str) -> Arrived:
    """For who holds the tenant's key: the next one is written into its vault, and this one is worth nothing then."""

    def prove(session: Session, found: Issued) -> None:
        number = found.keys.number_of(key, found.number)
        if number is None:
            raise NobodyError
        try:
            Desk(tenant).set_value(Kind.SECRET, KEY, found.keys.rolling(number + 1))
        except VaultFailedError as error:
            raise RefusedCallError(502, f"the vault did not take the next key, so this one stays: {error}") from error
        journal.advance(session, tenant.slug, number + 1)

    _require(tenant, lambda found: found.keys.number_of(key, found.number) is not None)
    _let_in(tenant, prove, key, "key")
    return _fetched(tenant, key)


def by_signature(tenant: Tenant, event: str, body: bytes, signature: str) -> Arrived | None:
    """For GitHub, by its signature of the body; None where the event is none of a push to the tenant's branch.

    What marks a call as used is the signature: GitHub's own number of the delivery is not signed.
    """

    def prove(session: Session, found: Issued) -> None:
        if not found.keys.is_signed(body, signature):
            raise NobodyError
        if journal.was_used(session, tenant.slug, signature):
            raise RefusedCallError(409, "this delivery was accepted before")

    _require(tenant, lambda found: found.keys.is_signed(body, signature))
    if event != "push" or _pushed(body) != f"refs/heads/{tenant.repository.branch}":
        return None
    _let_in(tenant, prove, signature, "github")
    return _fetched(tenant, signature)


def _require(tenant: Tenant, is_right: Callable[[Issued], bool]) -> None:
    """Who is wrong costs one look into a table: no lock, no write, no call. So a wrong key keeps the right one from
    nothing, however often it comes."""
    with create_session() as session:
        found = journal.issued(session, tenant.slug)
    if found is None or not is_right(found):
        raise NobodyError


def _let_in(tenant: Tenant, prove: Callable[[Session, Issued], None], proof: str, sender: str) -> None:
    with create_session() as session:
        found = _locked(session, tenant)
        if journal.accepted_within(session, tenant.slug, MINUTE) >= MOST_PER_MINUTE:
            text = f"more than {MOST_PER_MINUTE} calls in a minute; what proved this one stays valid"
            raise RefusedCallError(429, text, MINUTE)
        prove(session, found)
        journal.accept(session, tenant.slug, proof, sender)
    _LOG.info("The webhook was called", team=tenant.team, sender=sender)


def _locked(session: Session, tenant: Tenant) -> Issued:
    """The row, for one call at a time: a second one would wait with a connection to the database in its hands."""
    found = journal.issued(session, tenant.slug, lock=True)
    if found is None:
        raise RefusedCallError(429, "another call is being answered; what proved this one stays valid", 1)
    return found


def _fetched(tenant: Tenant, proof: str) -> Arrived:
    try:
        revision, result = mirror.refresh(tenant).commit, "fetched"
    except MirrorFailedError as error:
        _conclude(tenant, proof, None, str(error))
        raise RefusedCallError(502, f"the call was accepted, but {error}; polling will bring the revision") from error
    asked = arrival.parse_at_once(tenant)
    _conclude(tenant, proof, revision, result)
    return Arrived(tenant=tenant.slug, revision=revision, parse_asked=asked)


def _conclude(tenant: Tenant, proof: str, revision: str | None, result: str) -> None:
    with create_session() as session:
        journal.conclude(session, tenant.slug, proof, revision, result)


def _pushed(body: bytes) -> Any:
    """The reference that a push changed."""
    try:
        return json.loads(body).get("ref")
    except (ValueError, AttributeError, RecursionError):
        return None
