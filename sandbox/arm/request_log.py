"""Every request on disk, one JSON object per line; never a body."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from starlette.requests import Request


class RequestLog:
    """`requests.jsonl` in the state folder: time, method, path, query, status, duration, correlation, error code."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "requests.jsonl"
        self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def write(self, request: Request, *, started: float, status: int, code: str, **more: Any) -> None:
        """The end of a request that began at `started` (monotonic seconds); `more` is what this face says besides."""
        entry = {
            "time": time.time(),
            "method": request.method,
            "path": request.url.path,
            **more,
            "status": status,
            "code": code,
            "milliseconds": round((time.monotonic() - started) * 1000, 1),
        }
        self._file.write(json.dumps(entry) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """A line cut short by a kill is left out."""
        entries = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):
                entries.append(json.loads(line))
        return entries

    def wipe(self) -> None:
        self._file.truncate(0)

    def close(self) -> None:
        self._file.close()
