"""An issuer of tokens that PostgreSQL can ask: random texts with an expiry, in place of Entra's signed ones."""

from __future__ import annotations

import io
import json
import secrets
import socketserver
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from sandbox.pki import Authority

_BIND_REQUEST, _BIND_RESPONSE, _INVALID_CREDENTIALS = 0x60, 0x61, 49


class Issuer:
    """Issues tokens for the clients of `roles` by Entra's protocol, and checks them by LDAP's simple bind."""

    def __init__(self, authority: Authority) -> None:
        self.roles: dict[str, str] = {}
        """Client id -> role."""
        self.length = 1_600
        self.lifetime = 3_600.0
        self.refresh_in: float | None = None
        """Seconds after which a token should be renewed, long before it expires."""
        self.down = False
        self.newest: dict[str, str] = {}
        self._expiry: dict[tuple[str, str], float] = {}
        leaf = authority.server("entra", "localhost", ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        self._entra = ThreadingHTTPServer(("127.0.0.1", 0), self._token_requests())
        self._entra.socket = context.wrap_socket(self._entra.socket, server_side=True)
        self._ldap = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._binds())
        self.url = f"https://localhost:{self._entra.server_address[1]}/"
        self.ldap_port = self._ldap.server_address[1]
        for server in (self._entra, self._ldap):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for server in (self._entra, self._ldap):
            server.shutdown()
            server.server_close()

    def issue(self, client_id: str) -> tuple[int, dict[str, Any]]:
        if self.down:
            return 503, {"error": "temporarily_unavailable", "error_description": "AADSTS90033: a transient error"}
        role = self.roles[client_id]
        token = secrets.token_urlsafe(self.length)[: self.length]
        self._expiry[role, token] = time.time() + self.lifetime
        self.newest[role] = token
        answer = {"token_type": "Bearer", "expires_in": int(self.lifetime), "access_token": token}
        return 200, answer if self.refresh_in is None else {**answer, "refresh_in": int(self.refresh_in)}

    def valid(self, role: str, token: str) -> bool:
        return self._expiry.get((role, token), 0) > time.time()

    def _token_requests(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Nothing: the test's output is its result."""

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, answer = issuer.issue(form["client_id"][0])
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        return Handler

    def _binds(self) -> type[socketserver.StreamRequestHandler]:
        issuer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                """One bind request (RFC 4511, 4.2) and its answer."""
                _, message = _ber(self.rfile)
                content = io.BytesIO(message)
                _, number = _ber(content)
                tag, bind = _ber(content)
                assert tag == _BIND_REQUEST
                parts = io.BytesIO(bind)
                (_, _version), (_, name), (_, password) = _ber(parts), _ber(parts), _ber(parts)
                code = 0 if issuer.valid(name.decode(), password.decode()) else _INVALID_CREDENTIALS
                answer = bytes([_BIND_RESPONSE, 7, 0x0A, 1, code, 4, 0, 4, 0])
                answer = bytes([2, len(number), *number]) + answer
                self.wfile.write(bytes([0x30, len(answer)]) + answer)

        return Handler


def _ber(stream: io.BufferedIOBase) -> tuple[int, bytes]:
    """Tag and content of the next element (X.690, definite lengths)."""
    tag, length = stream.read(2)
    if length & 0x80:
        length = int.from_bytes(stream.read(length & 0x7F), "big")
    return tag, stream.read(length)
