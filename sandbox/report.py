"""How long work tells a person where it stands; the command line draws it with rich, a log gets plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


class Step(Protocol):
    """One running piece of work."""

    def advance(self, done: int, total: int | None) -> None:
        """Say how far it is, in any unit; `total` is None while it is not known."""


class Report(Protocol):
    """Receives what the sandbox does, as it does it."""

    def step(self, label: str) -> AbstractContextManager[Step]:
        """Open a piece of work; leaving the block ends it, leaving it by an exception marks it failed."""

    def say(self, text: str) -> None:
        """Tell one thing that the person should know."""


class LineReport:
    """Plain lines with elapsed seconds: the report where nobody draws."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """One line when the work starts and one when it ends."""
        begun = time.monotonic()
        self.say(f"{label} ...")
        try:
            yield _QuietStep()
        except BaseException:
            self.say(f"{label}: failed after {time.monotonic() - begun:.1f} s")
            raise
        self.say(f"{label}: done in {time.monotonic() - begun:.1f} s")

    def say(self, text: str) -> None:
        """One line, at once."""
        print(text, file=self._stream, flush=True)


class _QuietStep:
    """A step of which a log keeps only start and end."""

    def advance(self, done: int, total: int | None) -> None:
        """Lines of a log are not redrawn, so progress between start and end is not printed."""
