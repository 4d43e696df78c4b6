"""A TLS server that answers as the Kubernetes API does, from a script."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ariel_runtime.kubernetes_api import KubernetesApi

from sandbox.pki import Authority

VERIFIER = "SCRAM-SHA-256$1:c2FsdA==$c3RvcmVk:c2VydmVy"
TOKEN = "token-of-the-account"  # noqa: S105


def document(slug: str = "weather", **changes: Any) -> dict[str, Any]:
    role = f"ariel_dagproc_{slug.replace('-', '_')}"
    login = {"clientId": "c", "objectId": "o", "poolSize": 2, "reservePoolSize": 0, "verifier": VERIFIER}
    return {
        "slug": slug,
        "team": slug,
        "bundle": slug,
        "pool": slug,
        "groupId": "group",
        "repository": {"url": f"git://mirror/{slug}", "branch": "main", "path": "dags"},
        "environment": {"A": "1"},
        "namespaces": {"tasks": f"tasks-{slug}", "parse": f"parse-{slug}"},
        "accounts": {"task": {"clientId": "t"}, "task-etl": {"clientId": "e"}},
        "roles": {role: login},
        "images": ["ruby"],
        "slots": 20,
        "vault": {"url": "https://kv", "shared": False},
        "logs": {"container": slug},
        "alerts": None,
        **changes,
    }


class ApiServer:
    """A TLS server that answers as the Kubernetes API does, from a script: what a real one does only on bad days.

    `watches` holds one list of events (or an HTTP status) per watch; when it is used up, watches get what
    `send` is given, until `close`.
    """

    def __init__(self, folder: Path) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.version = 10
        self.watches: list[list[dict[str, Any]] | int] = []
        self.failing_lists = 0
        self.queries: list[dict[str, str]] = []
        self._log: list[dict[str, Any]] = []
        self._events = threading.Condition()
        self._closed = threading.Event()
        authority = Authority(folder, "test")
        leaf = authority.server("api", "api", ["127.0.0.1"])
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        port = self._server.server_address[1]
        self.api = KubernetesApi(host="127.0.0.1", port=port, token_file=token, ca_file=authority.files.certificate)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, slug: str, text: str | None = None) -> dict[str, Any]:
        self.version += 1
        item = {
            "metadata": {
                "name": f"tenant-{slug}",
                "labels": {"ariel.dev/tenant": slug},
                "resourceVersion": str(self.version),
            },
            "data": {"tenant.json": json.dumps(document(slug)) if text is None else text},
        }
        self.items[slug] = item
        return item

    def send(self, kind: str, item: dict[str, Any]) -> None:
        """An event to whoever watches, now."""
        if kind == "DELETED":
            del self.items[item["metadata"]["labels"]["ariel.dev/tenant"]]
            self.version += 1
            item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        with self._events:
            self._log.append({"type": kind, "object": item})
            self._events.notify_all()

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        with self._events:
            self._events.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Nothing: the test's output is its result."""

            def do_GET(self) -> None:
                query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                server.queries.append(query)
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    return self._send(401, {"message": "Unauthorized"})
                if "watch" in query:
                    return self._watch()
                if server.failing_lists:
                    server.failing_lists -= 1
                    return self._send(500, {"message": "etcd is away"})
                metadata = {"resourceVersion": str(server.version)}
                return self._send(200, {"metadata": metadata, "items": list(server.items.values())})

            def _watch(self) -> None:
                script = server.watches.pop(0) if server.watches else None
                if isinstance(script, int):
                    return self._send(script, {"message": "too old resource version"})
                if script is None:
                    return self._stream()
                return self._send(200, *script)

            def _stream(self) -> None:
                """What is sent from now on, until the server closes."""
                self._send(200)
                with server._events:
                    sent = len(server._log)
                    while not server._closed.is_set():
                        for event in server._log[sent:]:
                            self.wfile.write(json.dumps(event).encode() + b"\n")
                        sent = len(server._log)
                        server._events.wait(20)

            def _send(self, status: int, *bodies: dict[str, Any]) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"".join(json.dumps(body).encode() + b"\n" for body in bodies))

        return Handler
