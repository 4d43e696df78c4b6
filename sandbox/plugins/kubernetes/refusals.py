"""Refusals of the API server as messages for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes.redaction import redact
from sandbox.plugins.kubernetes.transport import ApiError

_ADVICE = {
    "AlreadyExists": (
        "it exists and is not in this stack's state: import it, delete it, give a renamed resource an alias, or set "
        "upsertExistingObjects on the provider to take it over"
    ),
    "Conflict": (
        "another field manager owns a field: stop it, leave the field out, or set the annotation "
        'pulumi.com/patchForce: "true" (or enablePatchForce on the provider) to take it'
    ),
    "NotFound": "it, its namespace or its kind is not there: run a refresh, or create what is missing first",
    "Forbidden": "an admission rule, quota or missing permission: see the text, then change the object or the rule",
    "Invalid": "correct the named field",
}


@contextmanager
def explained(what: str, inputs: Any) -> Iterator[None]:
    """Turns an ApiError of the block into a PluginError: what, the server's words without secrets, what to do."""
    try:
        yield
    except ApiError as failure:
        advice = _ADVICE.get(failure.reason, "see the API server's message")
        text = f"{what}: the API server refused ({failure.reason or failure.code}): {failure}; {advice}"
        raise PluginError(redact(text, inputs)) from None
