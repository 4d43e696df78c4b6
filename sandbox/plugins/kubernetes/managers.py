"""Field managers: who owns which field of an object, as server-side apply counts it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.kubernetes.naming import annotation

# A plain create is sent under this name; the first apply takes its fields over (as the published provider does).
CREATOR = "pulumi-kubernetes"
_PREFIX = "pulumi-kubernetes-"
_DIGEST_HEX = 8
# Owners whose fields an update takes over; (manager, operation) pairs of the published provider.
_TAKEN_OVER = frozenset(
    {(CREATOR, "Update"), ("kubectl", "Apply"), ("kubectl", "Update"), ("before-first-apply", "Update")}
)


def manager_of(urn: str, inputs: Mapping[str, Any], remembered: str) -> str:
    """The annotation's name, else the state's, else one made from the URN: the same in every run and after a crash."""
    digest = hashlib.sha256(urn.encode()).hexdigest()[:_DIGEST_HEX]
    return annotation(inputs, "pulumi.com/patchFieldManager") or remembered or f"{_PREFIX}{digest}"


def takeover(live: Mapping[str, Any], manager: str) -> list[dict[str, Any]]:
    """A JSON patch that makes `manager` the applier of what our create sent; empty when there is nothing to take."""
    fields = live["metadata"].get("managedFields") or []
    taken = [entry for entry in fields if _is_taken(entry)]
    if not taken:
        return []
    own = [entry for entry in fields if entry["manager"] == manager and entry["operation"] == "Apply"]
    merged: dict[str, Any] = {}
    for entry in (*own, *taken):
        merged = _merged(merged, entry.get("fieldsV1") or {})
    kept = [entry for entry in fields if entry not in taken and entry not in own]
    mine = {**taken[0], "manager": manager, "operation": "Apply", "fieldsV1": merged}
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, mine]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
    ]


def has_taken_over(live: Mapping[str, Any]) -> bool:
    """Whether `takeover` would change something, or nobody owns anything: then an apply may force."""
    fields = live["metadata"].get("managedFields") or []
    return not fields or any(_is_taken(entry) for entry in fields)


def _is_taken(entry: Mapping[str, Any]) -> bool:
    return (entry["manager"], entry["operation"]) in _TAKEN_OVER and not entry.get("subresource")


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(one)
    for key, value in other.items():
        result[key] = _merged(result[key], value) if key in result else value
    return result
