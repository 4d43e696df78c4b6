"""What a DAG file does to the world while it is parsed: connections, programs, changes of files, with file and line.

Seen by an audit hook of Python, which cannot be taken out again: use it in a process that ends after the file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_KINDS: Final = {
    "socket.connect": "network",
    "socket.getaddrinfo": "network",
    "subprocess.Popen": "process",
    "os.system": "process",
    "os.posix_spawn": "process",
    "os.exec": "process",
    "os.mkdir": "file",
    "os.remove": "file",
    "os.rename": "file",
    "os.rmdir": "file",
}
"""Audit event -> what it is. Source: the audit events table of Python's library reference."""
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_IMPORTING: Final = "<frozen importlib"
_LONGEST: Final = 80


@dataclass(frozen=True, kw_only=True, order=True)
class Effect:
    file: str
    line: int
    kind: str
    """network, process or file."""
    what: str


def watch(root: Path) -> Collection[Effect]:
    """Fills itself from now on with what code below the folder does, each place once."""
    found: dict[Effect, None] = {}
    busy = False

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal busy
        if busy or (kind := _kind(event, arguments)) is None:
            return
        busy = True  # What follows may open files itself.
        try:
            if place := author_place(root):
                what = "" if event == "socket.connect" else f" {_text(arguments[0])}"
                found[Effect(file=place[0], line=place[1], kind=kind, what=f"{event}{what}")] = None
        finally:
            busy = False

    sys.addaudithook(note)
    return found.keys()


def author_place(root: Path) -> tuple[str, int] | None:
    """The innermost line below the folder that is being run; None where a library does it while it is imported."""
    frame = sys._getframe().f_back  # traceback.walk_stack leaves out the innermost ones.
    while frame and not frame.f_code.co_filename.startswith(_IMPORTING):
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(root):
            return str(file.relative_to(root)), frame.f_lineno
        frame = frame.f_back
    return None


def _kind(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event != "open":
        return _KINDS.get(event)
    _, mode, flags = arguments
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & _WRITES)
    return "file" if writes else None


def _text(value: object) -> str:
    text = os.fsdecode(value) if isinstance(value, (bytes, str, os.PathLike)) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
