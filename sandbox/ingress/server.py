"""The process of the proxy: its port, its life."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import Final

import httpx

from sandbox import ports
from sandbox.answering import await_answer
from sandbox.paths import REPOSITORY, SandboxPaths
from sandbox.ports import KeptPorts
from sandbox.processes import OwnedProcess
from sandbox.report import Report

ADDRESS: Final = "127.0.0.1"
_STOP_SECONDS: Final = 5.0
_NAME: Final = "ingress"


class IngressServer:
    """The proxy of one sandbox, whose authority lies in `pki` (`sandbox.pki.Authority`)."""

    def __init__(self, paths: SandboxPaths, pki: Path) -> None:
        self._paths = paths
        self._pki = pki
        self._ports = KeptPorts(paths.ports)
        self.process = OwnedProcess(_NAME, paths.records / f"{_NAME}.json", paths.logs / f"{_NAME}.log")

    @property
    def port(self) -> int:
        """On the loopback interface."""
        return self._ports.get(_NAME)

    @property
    def authority(self) -> Path:
        """Certificate that a client verifies the proxy with."""
        return self._pki / "ca.crt"

    def url(self, host: str) -> str:
        """Where a browser reaches the Ingress of that host; without a trailing slash."""
        return f"https://{host}:{self.port}"

    def launch(self, *, kubeconfig: Path, ingress_class: str, report: Report) -> None:
        """Start the process if it does not run; `wait` tells when it answers. The cluster was started before."""
        if self.process.running():
            return
        port = self.port
        if ports.busy(port):
            chosen = self._ports.choose(_NAME)
            report.say(f"Port {port} of the ingress is taken by {ports.holder(port)}; using {chosen} from now on")
        command = [sys.executable, "-m", "sandbox.ingress", "--port", str(self.port), "--pki", str(self._pki)]
        command += ["--kubeconfig", str(kubeconfig), "--ingress-class", ingress_class]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._paths.root),
            # This checkout's code, whichever checkout the virtual environment was made for.
            "PYTHONPATH": str(REPOSITORY),
        }
        self.process.start(command, folder=self._paths.root, environment=environment)

    def wait(self, report: Report) -> None:
        """Return when it answers. Raises MachineError when it ended or does not answer in time."""
        await_answer(
            self.process, self.ready, what="the ingress", where=f"https://{ADDRESS}:{self.port}", report=report
        )

    def ready(self) -> bool:
        """Whether it runs and answers, with whatever: an Ingress need not exist yet."""
        if not self.process.running() or not self.authority.exists():
            return False
        try:
            context = ssl.create_default_context(cafile=self.authority)
            httpx.head(f"https://{ADDRESS}:{self.port}/", verify=context, timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        """End the process."""
        self.process.stop(_STOP_SECONDS)
