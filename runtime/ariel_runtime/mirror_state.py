"""What a git mirror tells the API server, by HTTP on a port of its own: `GET /` its state, `POST /refresh` fetches.

Nothing in a request is looked at but its method and path, and a refresh only brings the next poll forward.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Final

PORT: Final = 9419
"""Beside git's own, 9418."""
_PATIENCE_SECONDS: Final = 28
"""Of one who waits for a fetch; less than `ariel_runtime.delivery.mirror` waits for the answer."""
_REQUEST_SECONDS: Final = 10


class MirrorState:
    """Shared by the thread that fetches and those that answer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted = threading.Event()
        self._begun = self._ended = 0
        self._told: dict[str, str | None] = {"commit": "", "fetched": None, "error": "not fetched yet"}

    def fetch_begins(self) -> None:
        with self._changed:
            self._wanted.clear()
            self._begun += 1

    def fetch_ended(self, commit: str, error: str = "") -> None:
        """With what is served now, and why the fetch failed where it did."""
        with self._changed:
            fetched = self._told["fetched"] if error else datetime.now(UTC).isoformat()
            self._told = {"commit": commit, "fetched": fetched, "error": error}
            self._ended = self._begun
            self._changed.notify_all()

    def wait_until_wanted(self, seconds: float) -> bool:
        """Whether a fetch is asked for, within so many seconds."""
        return self._wanted.wait(seconds)

    def refreshed(self) -> dict[str, str | None]:
        """The state after a fetch that begins from now on: one under way may have asked the remote already."""
        with self._changed:
            awaited = self._begun + 1
            self._wanted.set()
            if not self._changed.wait_for(lambda: self._ended >= awaited, _PATIENCE_SECONDS):
                return {**self.told(), "error": f"the fetch has not ended within {_PATIENCE_SECONDS} seconds"}
            return self.told()

    def told(self) -> dict[str, str | None]:
        return {**self._told, "version": version("ariel-runtime")}


@contextmanager
def answering(state: MirrorState, port: int) -> Iterator[None]:
    """Answers while the block runs."""
    server = ThreadingHTTPServer(("", port), _handler(state))
    thread = threading.Thread(target=server.serve_forever, name="mirror-state", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(state: MirrorState) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_SECONDS

        def log_message(self, *_: object) -> None:
            """Nothing: what comes of a request is logged where it is done."""

        def do_GET(self) -> None:
            self._answer(state.told() if self.path == "/" else None)

        def do_POST(self) -> None:
            self._answer(state.refreshed() if self.path == "/refresh" else None)

        def _answer(self, told: dict[str, str | None] | None) -> None:
            body = json.dumps({"error": "no such path"} if told is None else told).encode()
            self.send_response(404 if told is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
