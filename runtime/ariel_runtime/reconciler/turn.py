"""One turn of the reconciler: the database as it is, brought to what the registry says. One tenant's error stays its own."""

from __future__ import annotations

import logging
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
    try:
        platform.shared_roles(landscape)
        life.ready()
        whole = platform.rules(landscape) and snapshot is not None and _tenants(landscape, snapshot)
    except FAILURES as error:
        _LOG.error("The database could not be brought in step: %s", _told(error))
        return False
    if landscape.written > before:
        _LOG.info("%d changes written", landscape.written - before)
    return whole


def _tenants(landscape: Landscape, snapshot: Snapshot) -> bool:
    """The departed first, since a new tenant may take a name that they held; a malformed entry is nobody's departure."""
    whole = not snapshot.malformed
    removal.remove_absent(landscape, snapshot.tenants.keys() | snapshot.malformed.keys())
    for slug, tenant in sorted(snapshot.tenants.items()):
        try:
            tenants.keep(landscape, tenant)
        except FAILURES as error:
            _LOG.error("Tenant %s could not be brought in step: %s", slug, _told(error))
            whole = False
    return whole


def _told(error: Exception) -> str:
    """The server's own words, without the statement and the reference that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip()
