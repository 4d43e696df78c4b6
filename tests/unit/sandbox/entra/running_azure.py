"""The process of the emulated Azure with its public host names, and what clients of it need.

Clients use the real host names; in the test process they resolve to the port on which the process listens.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt

from sandbox.cluster.folder import ClusterFolder
from sandbox.names import HostNames
from sandbox.paths import REPOSITORY
from sandbox.pki import Authority, signing_key
from tests.engine.arm.cloud import GROUP, TOKEN, Cloud
from tests.ports import free_port

EXCHANGE = "api://AzureADTokenExchange"
ANSWER_SECONDS = 30


class RunningAzure:
    """One process over one sandbox folder, with the keys of a cluster but without the cluster."""

    def __init__(self, root: Path, azurite: Path | None = None) -> None:
        self.root = root
        self._blob = [] if azurite is None else ["--azurite", str(azurite)]
        self.cluster = ClusterFolder(root / "cluster")
        keys = self.cluster.service_account_keys
        self.trusted = Authority(self.cluster.pki, "test cluster").files.certificate
        signing_key(keys.key, keys.certificate)
        self.port, self._arm_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> Cloud:
        port = self._arm_port
        command = [sys.executable, "-m", "sandbox.arm", "--state", str(self.root / "arm"), "--port", str(port)]
        command += ["--public", f"127.0.0.1:{self.port}", "--sandbox", str(self.root)]
        command += ["--oidc-issuer", self.cluster.issuer(), "--operation-seconds", "0", *self._blob]
        given = {**os.environ, "ARIEL_ARM_TOKEN": TOKEN, "PYTHONPATH": str(REPOSITORY), **environment}
        self._process = subprocess.Popen(command, env=given)
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        )
        give_up = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < give_up:
            assert self._process.poll() is None, "the emulated Azure ended while it started"
            try:
                client.get("/_sandbox/health")
                return Cloud(client)
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError("the emulated Azure did not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def assertion(self, subject: str, *, audience: str = EXCHANGE, lifetime: float = 3600, **claims: Any) -> str:
        """A service account's projected token, as the API server would sign it."""
        now = datetime.now(UTC)
        said = {
            "iss": self.cluster.issuer(),
            "sub": subject,
            "aud": [audience],
            "iat": now - timedelta(hours=1),
            "nbf": now - timedelta(hours=1),
            "exp": now + timedelta(seconds=lifetime),
            **claims,
        }
        return jwt.encode(said, self.cluster.service_account_keys.key.read_bytes(), "RS256")

    def names(self) -> set[str]:
        return set(HostNames(self.root).names())

    def await_name(self, name: str, *, present: bool = True) -> None:
        """Wait until DNS has, or no longer has, that name."""
        give_up = time.monotonic() + ANSWER_SECONDS
        while (name in self.names()) is not present:
            assert time.monotonic() < give_up, f"{name}: present is not {present}"
            time.sleep(0.05)


class Resolver:
    """`socket.getaddrinfo` of a pod: the sandbox's names lead to the process, others do not exist."""

    def __init__(self, azure: RunningAzure) -> None:
        self._azure = azure
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return self._real(host, port, *rest, **named)
        if host not in self._azure.names():
            raise socket.gaierror(socket.EAI_NONAME, f"{host}: not in the sandbox's names")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self._azure.port))]


def federate(cloud: Cloud, azure: RunningAzure, name: str, subject: str) -> dict[str, Any]:
    """An identity with one federated credential for that subject; its properties."""
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    identity = cloud.made(path, {"location": "westeurope"})
    credential = {"issuer": azure.cluster.issuer(), "subject": subject, "audiences": [EXCHANGE]}
    cloud.made(f"{path}/federatedIdentityCredentials/cluster", {"properties": credential})
    return dict(identity["properties"])
