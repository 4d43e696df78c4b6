"""Start and stop the cluster of a folder, with or without its node."""

from __future__ import annotations

import math
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Final

import httpx

from sandbox import ports
from sandbox.cluster import dns, kubeconfig, objects, preflight
from sandbox.cluster.api_server import API_SERVER, KUBELET_CLIENT
from sandbox.cluster.component import Component
from sandbox.cluster.controller_manager import CONTROLLER_MANAGER
from sandbox.cluster.dns import COREDNS
from sandbox.cluster.etcd import etcd
from sandbox.cluster.folder import ClusterFolder
from sandbox.cluster.node import INTERPRETER, NODE, Node
from sandbox.cluster.scheduler import SCHEDULER
from sandbox.locks import exclusive
from sandbox.network import SandboxNetwork
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
_CLIENTS: Final = {
    CONTROLLER_MANAGER.name: "system:kube-controller-manager",
    SCHEDULER.name: "system:kube-scheduler",
    COREDNS.name: objects.DNS_USER,
}
"""Component -> user as whom it speaks to the API server."""


class Cluster:
    """The cluster whose files and processes belong to one folder; two folders never touch each other.

    `tools` maps the name of each component, and with a node of what runs in it (`node_settings.TOOLS`), to its
    executable. Not `durable` (tests) spares etcd its fsync calls. With a `network` the cluster has a node, which needs
    root. Every method may be called at any time, from any process of the same user.
    """

    def __init__(
        self,
        folder: Path,
        tools: Mapping[str, Path],
        *,
        durable: bool = True,
        network: SandboxNetwork | None = None,
    ) -> None:
        self._folder = ClusterFolder(folder.absolute(), network)
        self._tools = {**tools, NODE.name: INTERPRETER}
        self._network = network
        self._control = (etcd(durable=durable), API_SERVER, CONTROLLER_MANAGER)
        self._workers = () if network is None else (SCHEDULER, COREDNS, NODE)
        self._components = (*self._control, *self._workers)

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
                if self._network is not None:
                    preflight.require(self._folder, self._network, self._tools.get("nft"))
                if API_SERVER.name in self._free_ports(missing, report):
                    # The others would go on asking at its former address.
                    self._end(self._components)
                    missing = list(self._components)
                authority = self._credentials()
                with report.step("Start the cluster"):
                    try:
                        self._start(missing, authority)
                    except MachineError:
                        self._end(missing, most_seconds=_FAILED_START_SECONDS)
                        if self._node and len(missing) == len(self._components):
                            self._node.clear()
                        raise
        return self.kubeconfig

    def stop(self, report: Report | None = None) -> None:
        """End all processes, the last started first; data stays. Raises TimeoutError if one cannot be ended."""
        report = report or LineReport()
        with self._locked(report):
            if any(process.running() for process in self.processes.values()) or (self._node and self._node.left()):
                with report.step("Stop the cluster"):
                    self._end(self._components)
                    if self._node:
                        self._node.clear()

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

    def import_image(self, archive: Path) -> None:
        """Give the node every image of an OCI or Docker archive, under the names in it. Raises MachineError."""
        self._running_node().import_image(archive)

    def name_image(self, image: str, name: str) -> None:
        """Give an image of the node a further name. Raises MachineError."""
        self._running_node().name_image(image, name)

    def images(self) -> set[str]:
        """Full names of the images that the node has. Raises MachineError."""
        return self._running_node().images()

    def run_on_node(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command among the node's mounts and network, its tools first on PATH. Raises MachineError."""
        return self._running_node().run(command)

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

    def _free_ports(self, missing: Sequence[Component], report: Report) -> set[str]:
        """Choose other ports where the kept ones are taken; names of the components that have a new one."""
        changed: set[str] = set()
        for component in missing:
            if not component.listens:
                continue
            port = self._folder.ports.get(component.name)
            if ports.busy(port):
                chosen = self._folder.ports.choose(component.name)
                changed.add(component.name)
                report.say(
                    f"Port {port} of {component.name} is taken by {ports.holder(port)}; using {chosen} from now on"
                )
        return changed

    @cached_property
    def _node(self) -> Node | None:
        if self._network is None:
            return None
        return Node(self._folder, self._network, self._tools, self.processes[NODE.name])

    def _running_node(self) -> Node:
        if self._node is None:
            raise TypeError("this cluster was made without a network, so it has no node")
        return self._node

    def _credentials(self) -> Authority:
        folder = self._folder
        authority = Authority(folder.pki, "ariel sandbox cluster")
        authority.server("serving", "kube-apiserver", (*_SERVER_NAMES, *_network_names(self._network)))
        authority.client(KUBELET_CLIENT, objects.API_SERVER_USER)
        keys = folder.service_account_keys
        signing_key(keys.key, keys.certificate)
        administrator = authority.client("administrator", "ariel:administrator", ["system:masters"])
        files = {"administrator": (folder.kubeconfig, administrator)}
        for name, user in _CLIENTS.items():
            files[name] = (folder.component_kubeconfig(name), authority.client(name, user))
        for name, (file, pair) in files.items():
            kubeconfig.write(file, server=folder.server, authority=folder.authority, user=name, credentials=pair)
        return authority

    def _start(self, missing: Sequence[Component], authority: Authority) -> None:
        """The control plane first: the others need the address, and objects that only it can hold."""
        if self._network and self._node:
            self._node.link.up()
            self._node.prepare(authority)
            dns.write(self._folder, self._network)
        self._launch([component for component in missing if component in self._control])
        self._await_ready(self._control)
        if self._network and self._node:
            self._furnish(self._network, self._node, starts=NODE in missing)
            self._launch([component for component in missing if component in self._workers])
            if NODE in missing:
                self._node.connect()
            self._await_ready(self._workers)
            self._node.add_pause_image()

    def _furnish(self, network: SandboxNetwork, node: Node, *, starts: bool) -> None:
        with self._client() as client:
            try:
                objects.apply(client, self._folder.server, network, self._folder.ports.get(COREDNS.name))
                if starts:
                    node.forget_readiness(client)
            except httpx.HTTPError as error:
                raise self._failure(API_SERVER, f"did not take what the cluster needs ({error})") from error

    def _launch(self, missing: Sequence[Component]) -> None:
        for component in missing:
            working_folder = component.working_folder(self._folder)
            working_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = [str(self._tools[component.name]), *component.arguments(self._folder)]
            environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder.root)}
            self.processes[component.name].start(command, folder=working_folder, environment=environment)

    def _end(self, components: Sequence[Component], most_seconds: float = math.inf) -> None:
        for component in reversed(components):
            self.processes[component.name].stop(min(component.stop_seconds, most_seconds))

    def _await_ready(self, components: Sequence[Component]) -> None:
        deadline = time.monotonic() + START_SECONDS
        waiting = list(components)
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
            value=f"{component.name} {what}; its log ends with:\n{self._last_words(component)}",
            rule=f"{component.name} runs and answers at {component.health(self._folder)}",
            action="free what the log names and run the command again; `ariel reset` starts from an empty cluster",
        )
        return MachineError([problem])

    def _last_words(self, component: Component) -> str:
        said = self.processes[component.name].log_tail()
        return f"{said}\n{self._node.complaints()}".strip() if self._node and component is NODE else said

    def _answers(self, client: httpx.Client, component: Component) -> bool:
        try:
            return component.answers(client.get(component.health(self._folder)))
        except httpx.TransportError:
            return False

    def _client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self._folder.authority))
        pair = self._folder.pair("administrator")
        context.load_cert_chain(pair.certificate, pair.key)
        # Never through the proxy that the environment may name: the cluster is on this machine.
        return httpx.Client(verify=context, timeout=5, trust_env=False)


def _network_names(network: SandboxNetwork | None) -> tuple[str, ...]:
    """Names and addresses that the API server has beside the loopback ones."""
    return () if network is None else (network.gateway, network.first_service, "kubernetes.default.svc.cluster.local")
