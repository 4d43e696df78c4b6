"""Signs of life of a long-running command: the files that the pod's probes look at."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path("/run/ariel")
"""A folder in memory that each pod with such a command mounts; `ready` and `heartbeat` in it are the contract."""


class Life:
    """Owns `ready` (work began; the start-up and readiness probes) and `heartbeat` (each turn; the liveness probe).

    A heartbeat says that the command still takes turns, not that what it depends on answers: no restart would help.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._ready = folder / "ready"
        self._heartbeat = folder / "heartbeat"

    def ready(self, now: bool = True) -> None:
        """Work can be done, or (`now=False`) can no longer be done."""
        if now:
            self._ready.touch()
        else:
            self._ready.unlink(missing_ok=True)

    def beat(self) -> None:
        """A turn has ended."""
        self._heartbeat.touch()
