"""The time that one operation has, and waiting within it."""

from __future__ import annotations

import threading
import time

from sandbox.plugins.failures import PluginError

# The published provider's default when the program sets no customTimeouts.
_DEFAULT_SECONDS = 3600.0


class OutOfTimeError(PluginError):
    """The operation's time is used up, or a person interrupted the engine."""


class Deadline:
    """`seconds` is the request's timeout (customTimeouts), 0 for the default; the engine itself enforces nothing."""

    def __init__(self, seconds: float, cancelled: threading.Event) -> None:
        self._seconds = seconds or _DEFAULT_SECONDS
        self._ends = time.monotonic() + self._seconds
        self._cancelled = cancelled

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._ends - time.monotonic())

    def wait(self, seconds: float, what: str) -> None:
        """Sleep; raises OutOfTimeError when interrupted or when the time does not suffice."""
        if self.remaining <= seconds:
            self._cancelled.wait(self.remaining)
            raise OutOfTimeError(
                f"{what}: not finished within {self._seconds:g} s, which is the operation's timeout: raise"
                " customTimeouts of the resource, or look for what holds it up in the request log of the emulated ARM"
            )
        if self._cancelled.wait(seconds):
            raise OutOfTimeError(f"{what}: interrupted; run the same command again to continue")
