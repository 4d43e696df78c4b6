"""The way to a tenant's git mirror: what it serves, and having it fetch at once.

`ariel_runtime.git_mirror` answers, in the tenant's parse namespace; of all pods the API server alone may ask.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from ariel_runtime.mirror_state import PORT
from ariel_runtime.registry import Tenant

_CONNECT_SECONDS: Final = 3
_STATUS_SECONDS: Final = 3
_FETCH_SECONDS: Final = 30
"""For one fetch that is under way and the one that was asked for. Polling goes on where it takes longer."""


class MirrorFailedError(Exception):
    """The mirror does not answer, or could not fetch; the text says why."""


class MirrorStatus(BaseModel):
    """What a mirror says of itself."""

    commit: str
    """Which it serves; empty before the first fetch."""
    fetched: datetime | None
    """When the remote was last asked with success."""
    error: str
    """Of the last fetch; empty where it went well."""
    version: str
    """Of `ariel_runtime` there."""


def status(tenant: Tenant) -> MirrorStatus:
    """Raises MirrorFailedError."""
    return _asked("GET", tenant, "/", _STATUS_SECONDS)


def refresh(tenant: Tenant) -> MirrorStatus:
    """Have it fetch; answers when a fetch that began after this call has ended well. Raises MirrorFailedError."""
    found = _asked("POST", tenant, "/refresh", _FETCH_SECONDS)
    if found.error:
        raise MirrorFailedError(found.error)
    return found


def address(tenant: Tenant) -> str:
    return f"http://{urlsplit(tenant.repository.url).hostname}:{PORT}"


def _asked(method: str, tenant: Tenant, path: str, seconds: float) -> MirrorStatus:
    patience = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
    try:
        answer = httpx.request(method, f"{address(tenant)}{path}", timeout=patience, trust_env=False)
        answer.raise_for_status()
        return MirrorStatus.model_validate_json(answer.content)
    except httpx.HTTPError as error:
        raise MirrorFailedError(f"the mirror of {tenant.slug} does not answer: {error}") from None
    except ValidationError:
        raise MirrorFailedError(f"the mirror of {tenant.slug} answers with something else") from None
