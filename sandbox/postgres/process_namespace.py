"""Who lives in a process namespace, seen from outside (proc(5)): not every kernel lists a process's children."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def members(parent: int) -> dict[int, int]:
    """Process id outside -> inside, of all in the namespace that `parent` (unshare --pid --fork) made."""
    namespace = _link(parent, "pid_for_children")
    if not namespace or namespace == _link(os.getpid(), "pid"):
        return {}
    return {pid: inside for pid in _processes() if _link(pid, "pid") == namespace and (inside := _inside(pid))}


def first(parent: int) -> int | None:
    """The id outside of the namespace's first process, with which all others end."""
    return next((pid for pid, inside in members(parent).items() if inside == 1), None)


def child(parent: int) -> int | None:
    """A child process of `parent`."""
    for pid in _processes():
        if _status(pid).get("PPid") == str(parent):
            return pid
    return None


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _inside(pid: int) -> int:
    return int(_status(pid).get("NSpid", "0").split()[-1])


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _link(pid: int, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""  # Ended meanwhile.
