"""Start and stop the one-node cluster of a folder."""

from __future__ import annotations

import math
import os
import shutil
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Final

import httpx

from sandbox import ports
from sandbox.cluster import kubeconfig
from sandbox.cluster.api_server import API_SERVER
from sandbox.cluster.component import Component
from sandbox.cluster.controller_manager import CONTROLLER_MANAGER
from sandbox.cluster.etcd import etcd
from sandbox.cluster.folder import ClusterFolder
from sandbox.locks import exclusive
from sandbox.pki import Authority, signing_key
from sandbox.processes import OwnedProcess
from sandbox.report import LineReport, Report
from stacks.errors import MachineError, Problem

START_SECONDS: Final = 120
"""A start takes below 10 s on an idle machine of two cores; more than this is a failure, not slowness."""

_FAILED_START_SECONDS: Final = 2.0
"""Grace for the others after a failed start: an API server without its store would wait in vain to finish requests."""

_POLL_SECONDS: Final = 0.1
_SERVER_NAMES: Final = ("127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


class Cluster:
    """The cluster whose files and processes belong to one folder; two folders never touch each other.

    `tools` maps the name of each component to its executable. Not `durable` (tests) spares etcd its fsync calls.
    Every method may be called at any time, from any process of the same user.
    """

    def __init__(self, folder: Path, tools: Mapping[str, Path], *, durable: bool = True) -> None:
        self._folder = ClusterFolder(folder.absolute())
        self._tools = tools
        self._components = (etcd(durable=durable), API_SERVER, CONTROLLER_MANAGER)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; there once the cluster was started for the first time."""
        return self._folder.kubeconfig

    @property
    def issuer(self) -> str:
        """URL of the issuer of service-account tokens; the same for the life of the folder."""
        return self._folder.issuer()

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._folder.server

    def start(self, report: Report | None = None) -> Path:
        """Start what does not run, wait until all answer, and return the kubeconfig. Raises MachineError."""
        report = report or LineReport()
        with self._locked(report):
            missing = [component for component in self._components if not self.processes[component.name].running()]
            if missing:
                self._free_ports(missing, report)
                self._credentials()
                with report.step("Start the cluster"):
                    self._launch(missing)
                    try:
                        self._await_ready()
                    except MachineError:
                        self._end(missing, most_seconds=_FAILED_START_SECONDS)
                        raise
        return self.kubeconfig

    def stop(self, report: Report | None = None) -> None:
        """End all processes, the last started first; data stays. Raises TimeoutError if one cannot be ended."""
        report = report or LineReport()
        with self._locked(report):
            if any(process.running() for process in self.processes.values()):
                with report.step("Stop the cluster"):
                    self._end(self._components)

    def wipe(self, report: Report | None = None) -> None:
        """Stop, and remove the folder with all data, certificates and ports."""
        self.stop(report)
        if self._folder.root.exists():
            shutil.rmtree(self._folder.root)

    def ready(self) -> dict[str, bool]:
        """Whether each component runs and answers, by name in order of start."""
        running = {name: process.running() for name, process in self.processes.items()}
        if not any(running.values()):
            return running
        with self._client() as client:
            return {c.name: running[c.name] and self._answers(client, c) for c in self._components}

    @cached_property
    def processes(self) -> dict[str, OwnedProcess]:
        """The processes by name of component, in order of start."""
        root = self._folder.root
        return {
            c.name: OwnedProcess(c.name, root / "run" / f"{c.name}.json", root / "logs" / f"{c.name}.log")
            for c in self._components
        }

    def _locked(self, report: Report) -> AbstractContextManager[None]:
        return exclusive(self._folder.root.with_suffix(".lock"), f"the cluster in {self._folder.root}", report)

    def _free_ports(self, missing: list[Component], report: Report) -> None:
        for component in missing:
            if not component.listens:
                continue
            port = self._folder.ports.get(component.name)
            if ports.busy(port):
                chosen = self._folder.ports.choose(component.name)
                report.say(
                    f"Port {port} of {component.name} is taken by {ports.holder(port)}; using {chosen} from now on"
                )

    def _credentials(self) -> None:
        folder = self._folder
        authority = Authority(folder.pki, "ariel sandbox cluster")
        authority.server("serving", "kube-apiserver", _SERVER_NAMES)
        keys = folder.service_account_keys
        signing_key(keys.key, keys.certificate)
        administrator = authority.client("administrator", "ariel:administrator", ["system:masters"])
        manager = authority.client(CONTROLLER_MANAGER.name, "system:kube-controller-manager")
        for file, user, pair in (
            (folder.kubeconfig, "administrator", administrator),
            (folder.component_kubeconfig(CONTROLLER_MANAGER.name), CONTROLLER_MANAGER.name, manager),
        ):
            kubeconfig.write(file, server=folder.server, authority=folder.authority, user=user, credentials=pair)

    def _launch(self, missing: list[Component]) -> None:
        for component in missing:
            working_folder = component.working_folder(self._folder)
            working_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = [str(self._tools[component.name]), *component.arguments(self._folder)]
            environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder.root)}
            self.processes[component.name].start(command, folder=working_folder, environment=environment)

    def _end(self, components: Sequence[Component], most_seconds: float = math.inf) -> None:
        for component in reversed(components):
            self.processes[component.name].stop(min(component.stop_seconds, most_seconds))

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        waiting = list(self._components)
        with self._client() as client:
            while waiting:
                for component in waiting:
                    if not self.processes[component.name].running():
                        raise self._failure(component, "ended while the cluster started")
                waiting = [component for component in waiting if not self._answers(client, component)]
                if waiting and time.monotonic() > deadline:
                    raise self._failure(waiting[0], f"did not answer within {START_SECONDS} s")
                time.sleep(_POLL_SECONDS if waiting else 0)

    def _failure(self, component: Component, what: str) -> MachineError:
        process = self.processes[component.name]
        problem = Problem(
            path=str(process.log),
            value=f"{component.name} {what}; its log ends with:\n{process.log_tail()}",
            rule=f"{component.name} runs and answers at {component.health(self._folder)}",
            action="free what the log names and run the command again; `ariel reset` starts from an empty cluster",
        )
        return MachineError([problem])

    def _answers(self, client: httpx.Client, component: Component) -> bool:
        try:
            return client.get(component.health(self._folder)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self._folder.authority))
        pair = self._folder.pair("administrator")
        context.load_cert_chain(pair.certificate, pair.key)
        # Never through the proxy that the environment may name: the cluster is on this machine.
        return httpx.Client(verify=context, timeout=5, trust_env=False)
