"""What a check says of one place of a repository."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    THERE = "there"
    WARNING = "warning"
    """It works, and should be another way."""
    MISSING = "missing"
    UNKNOWN = "cannot tell"
    """Only a run, or another place, would say."""
    BROKEN = "broken"
    """It would not work, or is not allowed."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    check: str
    file: str
    """Relative to the repository's root."""
    line: int
    kind: str
    id: str
    state: State
    reason: str
