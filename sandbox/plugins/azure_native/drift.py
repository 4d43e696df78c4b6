"""What a refresh makes of the inputs, and how an import is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.body import project
from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.values import rewrap, unwrap

# Maps whose keys people choose: a key added by hand is drift. Elsewhere a new key is a value that Azure computed.
_FREE_MAPS = frozenset({"tags", "nodeLabels", "metadata"})

# Hidden input; names with two underscores are never shown to a person.
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
        if key in row.shared:
            value = _follow_named(plain.get(key), before.get(key), after.get(key))
        else:
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


def _follow_named(given: Any, was: Any, now: Any) -> Any:
    """Like `_follow` for a list of which others own elements too: only elements that are given, found by name."""
    if not isinstance(given, list):
        return given
    before = {item["name"]: item for item in was or []}
    after = {item["name"]: item for item in now or []}
    followed = [_follow(item, before.get(item["name"]), after.get(item["name"]), False) for item in given]
    return [item for item in followed if item is not None]


def reconstruction(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs made from ARM's answer for an import, marked: they hold all that Azure added to what somebody gave.

    The engine compares them once with the program's inputs and keeps only the program's.
    """
    return {**inputs, _IMPORTED: True}


def given_or_reconstructed(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The inputs without the mark, and whether they were marked."""
    return {key: value for key, value in inputs.items() if key != _IMPORTED}, _IMPORTED in inputs
