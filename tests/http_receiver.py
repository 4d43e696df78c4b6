"""A receiver of HTTP requests on this machine, in the place of Slack and of others' webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    path: str
    authorization: str | None
    body: Any
    """Of its JSON."""


@dataclass(kw_only=True)
class Receiver:
    host: str
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    refusals: int = 0
    """So many of the next requests are answered with 503."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def receiver(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """At an address of this machine, while the context lasts."""
    made = Receiver(host=host)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.requests.append(Request(path=self.path, authorization=self.headers["Authorization"], body=body))
            refused = made.refusals > 0
            made.refusals -= refused
            # Slack's webhooks answer `ok`, its API an object that says so.
            answer = b'{"ok": true}' if self.path.startswith("/api/") else b"ok"
            self.send_response(503 if refused else 200)
            self.send_header("Content-Type", "application/json" if self.path.startswith("/api/") else "text/html")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
