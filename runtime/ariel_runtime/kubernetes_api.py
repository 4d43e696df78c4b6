"""The Kubernetes API as a pod reaches it, for reading: the service account's token, TLS and JSON, nothing more.

Made of the standard library: importing the official client costs 56 MiB in each process that follows the registry,
this one 9 MiB, and two requests are needed. Who creates or changes objects uses the official client.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_CONNECT_SECONDS: Final = 10
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A watch is silent most of the time: a peer that vanished is noticed after 30 seconds instead of never."""


class ApiError(Exception):
    """The API server refused or could not be reached. `status` is HTTP's, or 0 where no answer came."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"Kubernetes API: {status or 'no answer'}: {reason}")


@dataclass(frozen=True, kw_only=True)
class KubernetesApi:
    """One API server. The token file is read at each request, since the kubelet renews it."""

    host: str
    port: int
    token_file: Path
    ca_file: Path

    @classmethod
    def of_this_pod(cls) -> KubernetesApi:
        """What Kubernetes tells every pod; KeyError outside of one."""
        return cls(
            host=os.environ["KUBERNETES_SERVICE_HOST"],
            port=int(os.environ["KUBERNETES_SERVICE_PORT"]),
            token_file=SERVICE_ACCOUNT / "token",
            ca_file=SERVICE_ACCOUNT / "ca.crt",
        )

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The object at `path`. Raises ApiError."""
        with self._answer(path, query, _CONNECT_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def watch(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[dict[str, Any]]:
        """The events of a watch that the server ends after `seconds`. Raises ApiError, also in the middle."""
        asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        with self._answer(path, asked, seconds + _CONNECT_SECONDS) as answer:
            for line in answer:
                yield json.loads(line)

    @contextmanager
    def _answer(self, path: str, query: Mapping[str, str], seconds: int) -> Iterator[http.client.HTTPResponse]:
        connection: http.client.HTTPSConnection | None = None
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=_CONNECT_SECONDS, context=context)
            connection.connect()
            _keep_alive(connection.sock, seconds)
            authorization = f"Bearer {self.token_file.read_text().strip()}"
            connection.request("GET", f"{path}?{urlencode(query)}", headers={"Authorization": authorization})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise ApiError(answer.status, _reason(answer))
            yield answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from error
        finally:
            if connection is not None:
                connection.close()


def _keep_alive(connection: socket.socket, seconds: int) -> None:
    connection.settimeout(seconds)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _reason(answer: http.client.HTTPResponse) -> str:
    """`message` of the Status object that the API server sends with a refusal."""
    body = answer.read(10_000)
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason
