"""Whether `images/lock.json` names the child images that a team's repository describes; nothing is built for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli.child_images import LOCK, tag
from sandbox.rootfs.child import read
from stacks.errors import Problem, UsageError

CHECK: Final = "images"


@dataclass(frozen=True, kw_only=True)
class _Tags:
    """Name -> tag: what the folders make, and what the lock says."""

    made: Mapping[str, str]
    locked: Mapping[str, str]


def findings(root: Path, tenant: str, base: Path | None) -> Iterator[dict[str, Any]]:
    """What is stale is broken where the image's folder has changed since the revision in `base`.

    Otherwise it may be the platform's image that has changed, on which the lock's is still good.
    """
    try:
        now = before = _tags(root, tenant)
    except UsageError as error:
        for each in error.problems:
            yield _finding(each.path, each.value, "broken", f"{each.rule}: {each.action}")
        return
    if base:
        with suppress(UsageError):
            before = _tags(base, tenant)
    for name, made in now.made.items():
        locked = now.locked.get(name)
        if made != locked:
            forgotten = made != before.made.get(name) and locked == before.locked.get(name)
            reason = (
                f"{LOCK} has {locked or 'no tag of it'}, its folder on the platform's image makes {made}: "
                f"run `ariel images build`, and commit {LOCK}"
            )
            yield _finding(str(LOCK), name, "broken" if forgotten else "warning", reason)


def _tags(root: Path, tenant: str) -> _Tags:
    """Raises UsageError."""
    file = root / LOCK
    try:
        locked = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if not isinstance(locked, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        rule, action = "what `ariel images build` writes", "run it, and commit the file"
        raise UsageError([Problem(path=str(LOCK), value=str(error), rule=rule, action=action)]) from None
    return _Tags(made={name: tag(image) for name, image in read(root, tenant).items()}, locked=locked)


def _finding(file: str, name: str, state: str, reason: str) -> dict[str, Any]:
    return {"check": CHECK, "file": file, "line": 1, "kind": "image", "id": name, "state": state, "reason": reason}
