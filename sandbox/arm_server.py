"""The process of the emulated Azure (`sandbox.arm`): its port, its token, its life.

It is ARM on a loopback port and, for a sandbox with a node, also Azure's public host names on the network's address.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import httpx

from sandbox import ports
from sandbox.answering import await_answer
from sandbox.blob.azurite import Azurite
from sandbox.blob.install import install
from sandbox.network import SandboxNetwork
from sandbox.paths import REPOSITORY, SandboxPaths, cache
from sandbox.pki import write_private
from sandbox.ports import KeptPorts
from sandbox.processes import OwnedProcess
from sandbox.report import Report

OPERATION_SECONDS: Final = 0.05
"""How long a long-running operation takes: long enough to be polled, short enough for tests."""

_STOP_SECONDS: Final = 10.0
_NAME: Final = "arm"


def _code() -> str:
    """Digest of the sandbox's own code: an old process would not know the types and roles of a newer checkout."""
    digest = hashlib.sha256()
    for file in sorted((REPOSITORY / "sandbox").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


class ArmServer:
    """The service of one sandbox, reached by its endpoint and its token."""

    def __init__(self, paths: SandboxPaths) -> None:
        self._paths = paths
        self._ports = KeptPorts(paths.ports)
        self.process = OwnedProcess(_NAME, paths.records / f"{_NAME}.json", paths.logs / f"{_NAME}.log")

    @property
    def _served(self) -> Path:
        """Names the code that the running process was started from, and what it was asked to serve."""
        return self._paths.records / f"{_NAME}.code"

    @property
    def endpoint(self) -> str:
        """URL without a trailing slash."""
        return f"http://127.0.0.1:{self._ports.get(_NAME)}"

    @property
    def token(self) -> str:
        """The bearer token, made once and readable by its owner only."""
        file = self._paths.arm_token
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32).encode())
        return file.read_text()

    def launch(
        self,
        *,
        issuer: str,
        kubeconfig: Path,
        report: Report,
        tenant_id: str | None = None,
        network: SandboxNetwork | None = None,
        git_hosts: Collection[str] = (),
    ) -> None:
        """Start the process if it does not run; `wait` tells when it answers.

        `issuer` and `kubeconfig` are those of the cluster, which need not run yet; `tenant_id` is the directory, where
        none is given the service's own. With `network`, Azure's public host
        names, and `git_hosts` for the repositories in the sandbox's `git` folder, are served by HTTPS on its address
        `services`, which need not be there yet, and Flexible Servers are real. Raises MachineError when the blob
        storage cannot be installed.
        """
        port = self._ports.get(_NAME)
        asked = ["--operation-seconds", str(OPERATION_SECONDS)]
        asked += ["--oidc-issuer", issuer, "--cluster-kubeconfig", str(kubeconfig)]
        asked += ["--tenant-id", tenant_id] if tenant_id else []
        if network is not None:
            asked += ["--public", network.services, "--sandbox", str(self._paths.root)]
            asked += ["--azurite", str(install(report)), "--postgres"]
            asked += [argument for host in sorted(git_hosts) for argument in ("--git-host", host)]
        served = json.dumps([_code(), *asked])
        if self.process.running():
            if self._served.exists() and self._served.read_text() == served:
                return
            report.say("The emulated Azure has changed with this checkout; starting it anew on its data")
            self.process.stop(_STOP_SECONDS)
        if ports.busy(port):
            chosen = self._ports.choose(_NAME)
            report.say(
                f"Port {port} of the emulated Azure is taken by {ports.holder(port)}; using {chosen} from now on"
            )
            port = chosen
        command = [sys.executable, "-m", "sandbox.arm", "--state", str(self._paths.arm), "--port", str(port), *asked]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._paths.root),
            # This checkout's code, whichever checkout the virtual environment was made for.
            "PYTHONPATH": str(REPOSITORY),
            "ARIEL_CACHE": str(cache()),
            "ARIEL_ARM_TOKEN": self.token,
        }
        self.process.start(command, folder=self._paths.root, environment=environment)
        self._served.write_text(served)

    def wait(self, report: Report) -> None:
        """Return when it answers. Raises MachineError when it ended or does not answer in time."""
        await_answer(self.process, self.ready, what="the emulated Azure", where=self.endpoint, report=report)

    def ready(self) -> bool:
        """Whether it runs and answers."""
        if not self.process.running():
            return False
        try:
            answer = httpx.get(
                f"{self.endpoint}/_sandbox/health",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=5,
                trust_env=False,
            )
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    def stop(self) -> None:
        """End the process and the blob storage behind it; their state stays on disk."""
        self.process.stop(_STOP_SECONDS)
        Azurite(self._paths.root).stop()
