"""One turn of the reconciler: the database is brought to what the registry says; one tenant's error stays its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ariel_runtime.life import Life
from ariel_runtime.reconciler import platform, removal, tenants
from ariel_runtime.reconciler.landscape import Landscape
from ariel_runtime.registry import Snapshot
from ariel_runtime.tokens import TokenUnavailableError

_LOG = logging.getLogger(__name__)
FAILURES: Final = (SQLAlchemyError, TokenUnavailableError, tenants.ForeignRoleError)
"""What a turn may meet; anything else is a mistake in the program and ends it."""


def turn(landscape: Landscape, snapshot: Snapshot | None, life: Life) -> bool:
    """Whether all is now as it should be. Without a `snapshot` the registry is unread, and no tenant is touched."""
    before = landscape.written
    whole = _attempt("The platform", partial(platform.shared_roles, landscape))
    if whole:
        life.ready()
        whole = _attempt("The schema", partial(platform.rules, landscape)) and snapshot is not None
    if whole and snapshot is not None:
        whole = _tenants(landscape, snapshot)
    if landscape.written > before:
        _LOG.info("%d changes written", landscape.written - before)
    return whole


def _tenants(landscape: Landscape, snapshot: Snapshot) -> bool:
    """The departed first, since a new tenant may take a name of theirs; a malformed entry is nobody's departure."""
    known = snapshot.tenants.keys() | snapshot.malformed.keys()
    steps: dict[str, Callable[[], None]] = {}
    try:
        for slug, its_roles in removal.departed(landscape, known).items():
            steps[f"Departed tenant {slug}"] = partial(removal.remove, landscape, slug, its_roles)
    except FAILURES as error:
        _LOG.error("Who has departed cannot be seen: %s", _told(error))
        return False
    for slug, tenant in sorted(snapshot.tenants.items()):
        steps[f"Tenant {slug}"] = partial(tenants.keep, landscape, tenant)
    done = [_attempt(what, step) for what, step in steps.items()]
    return all(done) and not snapshot.malformed


def _attempt(what: str, step: Callable[[], object]) -> bool:
    """Whether the step did what it was to do; False too where it says itself that it could not yet."""
    try:
        return step() is not False
    except FAILURES as error:
        _LOG.error("%s could not be brought in step: %s", what, _told(error))
        return False


def _told(error: Exception) -> str:
    """The server's own words, without the statement and the reference that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip()
