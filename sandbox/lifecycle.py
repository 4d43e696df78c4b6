"""The sandbox of one stack: start, stop, wipe, and the environment in which the engine finds it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox import toolchain
from sandbox.arm_server import ArmServer
from sandbox.cluster import Cluster, kubeconfig
from sandbox.cluster.chosen import ChosenCluster, Identity
from sandbox.cluster.existing import ExistingCluster
from sandbox.ingress import IngressServer
from sandbox.locks import exclusive
from sandbox.network import SandboxNetwork, has_network, network
from sandbox.official_plugins import PUBLISHED, OfficialPlugins
from sandbox.paths import REPOSITORY, SandboxPaths
from sandbox.plugins.kubernetes.waiting import PODS_VARIABLE
from sandbox.postgres.servers import PostgresServers
from sandbox.report import LineReport, Report
from sandbox.rootfs.images import BuiltImage, planned
from sandbox.workloads import furnish, git_hosts, take_child
from stacks.errors import MachineError, Problem, UsageError
from stacks.settings import Settings

ENGINE_TOOLS: Final = ("pulumi", "helm")
CLUSTER_TOOLS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
NODE_TOOLS: Final = (
    *("kube-scheduler", "kubelet", "kube-proxy", "coredns", "pause"),
    *("containerd", "runc", "host-local", "nft"),
)

INGRESS_CLASS: Final = "webapprouting.kubernetes.azure.com"
"""The class that AKS' application routing serves."""

NODE_VARIABLE: Final = "ARIEL_SANDBOX_NODE"
"""`off` makes a sandbox whose cluster has no node: no root is needed, and pods stay pending. Counts when it is made."""

WITHOUT_PODS: Final = (
    "The cluster is not the sandbox's own: the stack's objects are made in it, but its pods find there neither their "
    "images nor the databases, vaults, tokens and repositories of a sandbox with a node, so they do not become ready"
)

DEFAULT_PASSPHRASE: Final = "sandbox"  # noqa: S105 - documented; it protects nothing but a throw-away state.
"""Encrypts the secrets in the state when the environment names no passphrase; documented in README.md."""


@dataclass(frozen=True)
class ComponentStatus:
    """One process of the sandbox, and whether it runs and answers."""

    name: str
    ready: bool


class Sandbox:
    """Everything that stack `stack` of the project in `project_root` needs instead of Azure.

    All of it lives in `<project_root>/.ariel/<stack>` and listens on loopback ports of its own, so two checkouts, or
    two stacks, never meet. Every method may be called at any time, from any process of the same user.
    """

    def __init__(self, project_root: Path, stack: str) -> None:
        self.paths = SandboxPaths(project_root, stack)
        self.arm = ArmServer(self.paths)
        self.ingress = IngressServer(self.paths, self.paths.cluster / "pki")
        self._plugins = OfficialPlugins(self.paths.pulumi_home)
        self._images: Mapping[str, BuiltImage] | None = None

    @property
    def images(self) -> Mapping[str, BuiltImage]:
        """Name -> what the pods shall run: what `start` gave the node, else what it would; none without a node."""
        if self._images is None:
            return planned() if self.network else {}
        return self._images

    @property
    def network(self) -> SandboxNetwork | None:
        """The addresses of node and services; None for a sandbox without a node, and before the first start."""
        return network(self.paths.root) if has_network(self.paths.root) else None

    def cluster(self, tools: Mapping[str, Path] | None = None) -> Cluster:
        """The cluster of its own; `tools` are needed to start it, not to look at it or to stop it."""
        return Cluster(self.paths.cluster, tools or {}, network=self.network)

    @property
    def chosen(self) -> ChosenCluster | None:
        """The cluster of somebody else in which the stack lives; None where the sandbox makes its own."""
        cluster = ChosenCluster(self.paths.cluster)
        return cluster if cluster.made else None

    @property
    def issuer(self) -> str:
        """URL of the issuer of the cluster's service-account tokens."""
        return (self.chosen or self.cluster()).issuer

    def choose_cluster(self, file: Path, context: str | None, report: Report | None = None) -> None:
        """Let the stack live in the cluster of a kubeconfig instead of one of the sandbox's own.

        Chosen before the first start; later the same cluster may be named again, with newer credentials. Raises
        UsageError, MachineError.
        """
        report = report or LineReport()
        with self._locked(report):
            chosen = self.chosen
            if chosen is None and self.cluster().kubeconfig.exists():
                raise UsageError([self._settled(file, "a cluster of its own")])
            content = kubeconfig.of_context(file, context)
            identity = Identity.of(ExistingCluster(file, content["current-context"]))
            if chosen is not None and chosen.identity.uid != identity.uid:
                raise UsageError([self._settled(file, f"another one ({chosen.server})")])
            if self.network:
                # A node was begun and never came up, so nothing was made yet.
                self._wipe(report)
            self.paths.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            ChosenCluster(self.paths.cluster).keep(identity, content)
            if chosen is None:
                report.say(WITHOUT_PODS)

    def _settled(self, file: Path, present: str) -> Problem:
        return Problem(
            path="--kubeconfig",
            value=f"{file}, while the sandbox of {self.paths.stack} has {present}",
            rule="in which cluster a stack lives is chosen when its sandbox is made",
            action=f"leave the option out; to choose anew, `ariel reset --stack {self.paths.stack}` first",
        )

    def databases(self, report: Report | None = None) -> PostgresServers | None:
        """The servers behind the emulated ones; None without a node."""
        return PostgresServers(self.paths.root, self.network, report) if self.network else None

    def start(self, cluster: bool, report: Report | None = None, settings: Settings | None = None) -> None:
        """Make the tools available and start what does not run; with `cluster` also a cluster. Raises MachineError.

        A cluster of somebody else is not started, but must answer. With a node, `settings` furnish it with what the
        stack's pods need.
        """
        report = report or LineReport()
        with self._locked(report):
            self.paths.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            chosen = self.chosen
            if cluster and chosen:
                chosen.require()
            elif cluster and self._shall_have_node():
                network(self.paths.root)
            wanted = (*CLUSTER_TOOLS, *(NODE_TOOLS if self.network else ())) if cluster and not chosen else ()
            tools = toolchain.ensure(ENGINE_TOOLS + wanted, report)
            self.paths.backend.mkdir(exist_ok=True)
            one_node = self.cluster(tools)
            known = chosen or one_node
            self.arm.launch(
                issuer=known.issuer,
                kubeconfig=known.kubeconfig,
                report=report,
                tenant_id=settings.azure.tenant_id if settings else None,
                network=self.network,
                git_hosts=git_hosts(settings) if settings else (),
            )
            self._plugins.choose(tools["pulumi"], report, node=self.network is not None)
            if cluster and not chosen:
                one_node.start(report)
            self.arm.wait(report)
            if cluster and self.network and settings:
                self._furnish(one_node, settings, report)

    def _shall_have_node(self) -> bool:
        """Asked once: a cluster keeps its addresses, so it can neither get a node later nor lose it."""
        made = self.paths.cluster / "kubeconfig"
        return not made.exists() and os.environ.get(NODE_VARIABLE) != "off"

    def _furnish(self, one_node: Cluster, settings: Settings, report: Report) -> None:
        if databases := self.databases(report):
            databases.start_all()
        self._images = furnish(settings, one_node, self.paths.git, report)
        self.ingress.launch(kubeconfig=one_node.kubeconfig, ingress_class=INGRESS_CLASS, report=report)
        self.ingress.wait(report)

    def take_image(self, image: BuiltImage, tag: str, settings: Settings, report: Report) -> str:
        """Give the node a team's image; returns the name by which its pods find it. Raises MachineError."""
        with self._locked(report):
            if self.network is None:
                raise MachineError([self._without_node()])
            node = self.cluster(toolchain.ensure(NODE_TOOLS, report))
            return take_child(settings, node, image, tag, report)

    def _without_node(self) -> Problem:
        return Problem(
            path=f"sandbox of {self.paths.stack}",
            value="without a node",
            rule="a sandbox with a node of its own, as the first `ariel up` makes it",
            action=f"run `ariel up --stack {self.paths.stack}` as root; with `--live` images go to a real registry",
        )

    def stop(self, report: Report | None = None) -> None:
        """End all processes; data stays."""
        report = report or LineReport()
        with self._locked(report):
            self._stop(report)

    def wipe(self, report: Report | None = None) -> None:
        """Stop, and remove all data: Azure, a cluster of its own, and the stack's state."""
        report = report or LineReport()
        with self._locked(report):
            self._wipe(report)

    def status(self) -> list[ComponentStatus]:
        """What there is and whether it answers; the cluster's parts once it was started for the first time."""
        found = {"arm": self.arm.ready()}
        cluster = self.chosen or self.cluster()
        if cluster.kubeconfig.exists():
            found |= cluster.ready()
        if databases := self.databases():
            found |= databases.status()
            found["ingress"] = self.ingress.ready()
        return [ComponentStatus(name, ready) for name, ready in found.items()]

    def environment(self) -> dict[str, str]:
        """Variables to add to the engine's environment. Raises MachineError before the first `start`."""
        passphrase = {} if _has_passphrase() else {"PULUMI_CONFIG_PASSPHRASE": DEFAULT_PASSPHRASE}
        optional = passphrase | ({PODS_VARIABLE: "off"} if self.chosen else {})
        return optional | {
            "ARIEL_ARM_ENDPOINT": self.arm.endpoint,
            "ARIEL_ARM_TOKEN": self.arm.token,
            "ARIEL_COMPACT_CHART": str(REPOSITORY / "sandbox" / "chart"),
            "ARIEL_PYTHON": sys.executable,
            "PATH": self._path(),
            "PULUMI_BACKEND_URL": self.paths.backend.as_uri(),
            # The engine writes the state at every step; a copy of each earlier one would double that, for a state that
            # can be thrown away. What a killed run leaves is in the state itself.
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
            # What is used is on PATH or already in PULUMI_HOME; anything else would be a surprise from the network.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.paths.pulumi_home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def _path(self) -> str:
        own = ["azure-native", *sorted(PUBLISHED.keys() - self._plugins.installed())]
        plugins = [str(REPOSITORY / "sandbox" / "plugins" / "bin" / package) for package in own]
        tools = [toolchain.located(toolchain.TOOLS[name]) for name in ENGINE_TOOLS + CLUSTER_TOOLS]
        present = os.environ.get("PATH", os.defpath).split(os.pathsep)
        folders = [str(toolchain.path("pulumi").parent), *(str(tool.parent) for tool in tools if tool is not None)]
        added = [folder for folder in dict.fromkeys(folders) if folder not in present]
        return os.pathsep.join([*plugins, *added, *present])

    def _wipe(self, report: Report) -> None:
        self._stop(report)
        if self.paths.root.exists():
            shutil.rmtree(self.paths.root)

    def _stop(self, report: Report) -> None:
        self.ingress.stop()
        if not self.chosen:
            self.cluster().stop(report)
        self.arm.stop()
        if databases := self.databases(report):
            databases.stop_all()

    def _locked(self, report: Report) -> AbstractContextManager[None]:
        return exclusive(self.paths.lock, f"another command on the sandbox of {self.paths.stack}", report)


def _has_passphrase() -> bool:
    return any(name in os.environ for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"))
