"""What a refresh makes of the inputs, and how an import is remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.body import project
from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.values import rewrap, unwrap

# Maps whose keys people choose: a key added by hand is drift. Elsewhere a new key is a value that Azure computed.
_FREE_MAPS = frozenset({"tags", "nodeLabels", "metadata"})

# Hidden output of an imported resource: the digest of the inputs that the import reconstructed.
_IMPORTED = "__imported"


def refreshed(
    row: ResourceType, inputs: Mapping[str, Any], was: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs, changed where the outputs changed from `was` (in the state) to `now` (read).

    Comparing outputs with outputs, as the published provider does, keeps what Azure adds or spells differently from
    looking like drift. Write-only inputs are in neither and stay.
    """
    plain = unwrap(inputs)
    before, after = project(row, unwrap(was)), project(row, unwrap(now))
    result = dict(plain)
    for key in {*before, *after}:
        value = _follow(plain.get(key), before.get(key), after.get(key), key in _FREE_MAPS)
        if value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return rewrap(result, inputs)


def _follow(given: Any, was: Any, now: Any, free: bool) -> Any:
    """`given`, changed as `was` changed to `now`; None when the value is gone."""
    if was == now:
        return given
    if isinstance(given, Mapping) and isinstance(was, Mapping) and isinstance(now, Mapping):
        keys = {*given, *was, *now} if free else set(given)
        followed = {key: _follow(given.get(key), was.get(key), now.get(key), free) for key in keys}
        return {key: value for key, value in followed.items() if value is not None}
    lists = isinstance(given, list) and isinstance(was, list) and isinstance(now, list)
    if lists and len(given) == len(was) == len(now):
        return [_follow(*values, free) for values in zip(given, was, now, strict=True)]
    return now


def mark_imported(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs which say that `inputs` were reconstructed from ARM's answer, with all that Azure added to it."""
    return {**outputs, _IMPORTED: _digest(inputs)}


def is_reconstruction(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether these inputs are the ones that an import made up, not ones that a program gave."""
    return outputs.get(_IMPORTED) == _digest(inputs)


def _digest(inputs: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(unwrap(inputs), sort_keys=True).encode()).hexdigest()
