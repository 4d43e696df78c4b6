"""A lock between processes: who comes second waits, and is told so."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.report import Report


@contextmanager
def exclusive(file: Path, waiting_for: str, report: Report) -> Iterator[None]:
    """Hold the lock of that file; `waiting_for` completes "waiting for ..." when another process has it.

    The kernel frees the lock when its holder ends, however it ends; the file stays.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with report.step(f"Waiting for {waiting_for}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
