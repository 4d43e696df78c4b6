"""What a DAG's author asks of the messages about it, by tags that begin with `alert:`.

Tags, since they are kept with the DAG where the scheduler reads them, and seen and searched in the UI.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ariel_runtime.refusal import Problem

_PREFIX: Final = "alert:"
_TARGET: Final = "to:"
_UNDERSTOOD: Final = re.compile(r"alert:(critical|success|none|to:\S+)")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    critical: bool = False
    """A failure also goes to the pager, and mentions everybody."""
    success: bool = False
    """A success is told too."""
    silent: bool = False
    """Nothing is told."""
    target: str | None = None
    """In the place of the tenant's own."""


def wishes(tags: Iterable[str]) -> Wishes:
    asked = {tag.removeprefix(_PREFIX) for tag in tags if tag.startswith(_PREFIX)}
    targets = sorted(each.removeprefix(_TARGET) for each in asked if each.startswith(_TARGET))
    return Wishes(
        critical="critical" in asked,
        success="success" in asked,
        silent="none" in asked,
        target=targets[0] if targets else None,
    )


def misunderstood(tags: Iterable[str]) -> Problem | None:
    """A tag that would be ignored: its author would wait for a message in vain."""
    asked = [tag for tag in sorted(tags) if tag.startswith(_PREFIX) and not _UNDERSTOOD.fullmatch(tag)]
    if not asked:
        return None
    return Problem(
        path="tags",
        value=asked[0],
        rule="`alert:critical`, `alert:success`, `alert:none`, or `alert:to:` and a channel or address",
        action="write one of these, or a tag that does not begin with `alert:`",
    )
