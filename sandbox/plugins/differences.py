"""Structural comparison of two property maps and its form in the engine's protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import Secret

Path = tuple[str | int, ...]
Kind = Literal["ADD", "DELETE", "UPDATE"]

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*")


@dataclass(frozen=True)
class Change:
    """One place where two values differ. `path` holds map keys (str) and list positions (int)."""

    path: Path
    kind: Kind


def compare(old: Any, new: Any, path: Path = ()) -> list[Change]:
    """All differences from `old` to `new`, in a stable order.

    Secret wrappers do not count as a difference; an unknown differs from every known value (the engine then plans an
    update). A missing key and a null are the same: the engine drops nulls on their way into the state.
    """
    old = old.value if isinstance(old, Secret) else old
    new = new.value if isinstance(new, Secret) else new
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        return [change for key in keys for change in compare(old.get(key), new.get(key), (*path, key))]
    if isinstance(old, list) and isinstance(new, list):
        length = max(len(old), len(new))
        pairs = zip(old + [None] * (length - len(old)), new + [None] * (length - len(new)), strict=True)
        return [change for at, (was, now) in enumerate(pairs) for change in compare(was, now, (*path, at))]
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return []
    if old is None:
        return [Change(path, "ADD")]
    return [Change(path, "DELETE" if new is None else "UPDATE")]


def render(path: Path) -> str:
    """A path in the engine's syntax: `tags["a.b"]`, `rules[0].name`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def diff_response(
    changes: Iterable[Change],
    replaces: Callable[[Change], bool],
    delete_before_replace: bool = False,
) -> Any:
    """The engine's DiffResponse: `replaces(change)` says which changes force a new resource."""
    response = provider_pb2.DiffResponse(hasDetailedDiff=True)
    forced = []
    for change in changes:
        text = render(change.path)
        name = f"{change.kind}_REPLACE" if replaces(change) else change.kind
        response.detailedDiff[text].kind = provider_pb2.PropertyDiff.Kind.Value(name)
        response.detailedDiff[text].inputDiff = True
        top = str(change.path[0])
        if top not in response.diffs:
            response.diffs.append(top)
        if name.endswith("_REPLACE"):
            forced.append(text)
    response.replaces.extend(forced)
    response.deleteBeforeReplace = delete_before_replace and bool(forced)
    response.changes = provider_pb2.DiffResponse.DIFF_SOME if response.diffs else provider_pb2.DiffResponse.DIFF_NONE
    return response
