"""Diff of an object: what the program wants against what the cluster had when the state was last written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.plugins.differences import Change, compare, diff_response, render
from sandbox.plugins.kubernetes.checkpoint import Checkpoint, comparable, pruned, value_at
from sandbox.plugins.kubernetes.naming import AUTONAMED, annotation, metadata
from sandbox.plugins.kubernetes.replacement import forces, patterns
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.protocol import provider_pb2


def object_diff(
    old: Checkpoint, news: Mapping[str, Any], namespaced: bool, ignored: Iterable[str], settings: Settings
) -> Any:
    """The engine's DiffResponse. Fields that the program never set do not count; drift in those that it set does.

    A replacement deletes first when the new object must have the old one's name (not when the name was made up).
    """
    wanted = _placed(comparable(news), namespaced)
    current = pruned(_placed(old.live, namespaced), _placed(comparable(old.inputs), namespaced))
    if metadata(wanted).get("name"):
        current["metadata"] = {**metadata(current), "name": metadata(old.live).get("name")}
    found = [
        change
        for change in compare(current, wanted)
        if not _same_form(change, current, wanted, old) and not covered(change, ignored)
    ]
    forcing = patterns(wanted, settings)
    same_place = all(metadata(wanted).get(key) == metadata(current).get(key) for key in ("name", "namespace"))
    return diff_response(
        found,
        replaces=lambda change: forces(change, wanted, forcing),
        delete_before_replace=same_place and annotation(wanted, AUTONAMED) != "true",
    )


def replaced_as_a_whole(response: Any) -> Any:
    """The DiffResponse of an object that has to be made anew, whether or not the program changed it."""
    response.changes = provider_pb2.DiffResponse.DIFF_SOME
    response.replaces.append("metadata")
    response.diffs.append("metadata")
    response.deleteBeforeReplace = True
    return response


def _placed(obj: Mapping[str, Any], namespaced: bool) -> dict[str, Any]:
    """The object with its namespace written out, or without one where the kind has none."""
    if not isinstance(obj.get("metadata", {}), dict):
        return dict(obj)
    meta = {key: value for key, value in metadata(obj).items() if key != "namespace"}
    if namespaced:
        meta["namespace"] = metadata(obj).get("namespace") or "default"
    return {**obj, "metadata": meta}


def _same_form(change: Change, current: Any, wanted: Any, old: Checkpoint) -> bool:
    remembered = old.normalised.get(render(change.path))
    return (
        remembered is not None
        and remembered.get("sent") == value_at(wanted, change.path)
        and remembered.get("answered") == value_at(current, change.path)
    )


def covered(change: Change, ignored: Iterable[str]) -> bool:
    """Whether one of the `ignoreChanges` paths is the change's or lies above it."""
    text = render(change.path)
    return any(text == path or text.startswith((f"{path}.", f"{path}[")) for path in ignored)
