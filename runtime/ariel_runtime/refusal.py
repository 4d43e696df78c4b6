"""How runtime code says no to an author: where it stands, what stands there, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 80


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with what an author wrote; `path` is the argument in the DAG file."""

    path: str
    value: object
    rule: str
    action: str

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.value)}\n  rule:   {self.rule}\n  action: {self.action}"


class RefusedError(Exception):
    """What an author asked for is not given. The text is for the author, and holds every problem found."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, problems)))


def _shown(value: object) -> str:
    """Plain values as written, others by their type: their own `repr` is the author's code, or may fail."""
    if value is None or type(value) in (bool, int, float, str):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"a value of type {type(value).__name__}"
