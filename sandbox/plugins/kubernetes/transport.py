"""REST calls to one Kubernetes API server, with retries for what passes by itself."""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes.kubeconfig import Connection
from sandbox.plugins.kubernetes.login import ExecLogin

# A server that is starting refuses connections for a few seconds.
_CONNECT_PATIENCE_SECONDS = 5.0
_ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 8.0
# Seconds: connect, and the longest answer (admission webhooks may take up to 30 s each).
_TIMEOUT = urllib3.Timeout(connect=5, read=90)
_POOL = 32


class ApiError(PluginError):
    """The API server's refusal (`Status` object). `code` is HTTP's, `reason` Kubernetes' (AlreadyExists, Invalid)."""

    def __init__(self, code: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or f"HTTP {code}"))
        self.code = code
        self.reason = str(body.get("reason") or "")
        self.causes = [cause.get("reason") for cause in (body.get("details") or {}).get("causes") or []]


class UnreachableError(PluginError):
    """No answer from the API server."""


class ApiServer:
    """One cluster; safe for threads, connections are kept open."""

    def __init__(self, connection: Connection, cancelled: threading.Event) -> None:
        self.connection = connection
        self._cancelled = cancelled
        self._patience_seconds = _CONNECT_PATIENCE_SECONDS
        self._login = ExecLogin(connection.login) if connection.login else None
        self._pool = urllib3.PoolManager(
            maxsize=_POOL,
            timeout=_TIMEOUT,
            retries=False,
            ssl_context=_ssl_context(connection),
            assert_hostname=connection.server_name or None if connection.verify else False,
            server_hostname=connection.server_name or None,
        )

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """The decoded answer; raises ApiError for a refusal and UnreachableError when nobody answers."""
        pause = _FIRST_PAUSE_SECONDS
        give_up = time.monotonic() + self._patience_seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._send(method, path, body, query, content_type)
            except urllib3.exceptions.NewConnectionError as failure:
                if time.monotonic() + pause >= give_up or attempt == _ATTEMPTS:
                    # Waited for once: the next calls of this run fail at once.
                    self._patience_seconds = 0.0
                    raise self._unreachable(failure) from None
            except urllib3.exceptions.HTTPError as failure:
                # The request may have arrived: repeating is safe only where it cannot act twice.
                if method == "POST" or attempt == _ATTEMPTS or isinstance(failure, urllib3.exceptions.SSLError):
                    raise self._unreachable(failure) from None
            else:
                refusal = _refusal(response)
                if refusal is None:
                    return response.json() if response.data else {}
                if not _passes(refusal, method) or attempt == _ATTEMPTS:
                    raise refusal
                pause = max(pause, float(response.headers.get("Retry-After") or 0))
            if self._cancelled.wait(min(pause, _LONGEST_PAUSE_SECONDS)):
                raise PluginError(f"{method} {path}: cancelled")
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """The object at `path`; None when it does not exist."""
        try:
            return self.call("GET", path, query=query)
        except ApiError as failure:
            if failure.code == 404:
                return None
            raise

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """What stands at `path` as text, asked once; empty where it cannot be had, since it only explains something."""
        try:
            response = self._send("GET", path, None, query, "application/json")
        except urllib3.exceptions.HTTPError:
            return ""
        return response.data.decode(errors="replace") if response.status < 400 else ""

    def _send(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None, content_type: str
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        token = self._login.token() if self._login else self.connection.token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif self.connection.basic:
            headers["Authorization"] = "Basic " + base64.b64encode(self.connection.basic.encode()).decode()
        url = self.connection.server + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        return self._pool.request(method, url, body=data, headers=headers, redirect=False)

    def _unreachable(self, failure: Exception) -> UnreachableError:
        return UnreachableError(
            f"{self.connection.server}: the API server does not answer ({type(failure).__name__}: {failure}); "
            "start it, or give the provider a kubeconfig that reaches it"
        )


def _refusal(response: urllib3.BaseHTTPResponse) -> ApiError | None:
    if response.status < 400:
        return None
    try:
        body = response.json()
    except ValueError:
        body = {"message": f"HTTP {response.status}: {response.data[:300].decode(errors='replace')}"}
    return ApiError(response.status, body if isinstance(body, dict) else {})


def _passes(refusal: ApiError, method: str) -> bool:
    """Whether asking again may help. After a gateway's error a POST may have acted; other 500s are verdicts."""
    if refusal.code == 500:
        return refusal.reason == "InternalError"
    return refusal.code in (429, 503) or (refusal.code in (502, 504) and method != "POST")


def _ssl_context(connection: Connection) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=connection.ca or None)
    if not connection.verify:
        # The kubeconfig says so; a warning for each request would drown the engine's output.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if connection.certificate:
        # The ssl module loads a client certificate from a file only; it is gone before the first request.
        with tempfile.TemporaryDirectory() as folder:
            bundle = os.path.join(folder, "client.pem")
            with open(os.open(bundle, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{connection.certificate}\n{connection.key}\n")
            context.load_cert_chain(bundle)
    return context
