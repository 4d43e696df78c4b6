"""A cluster with a node for tests: pods of one static program that asks an HTTP server, and what a node leaves."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kubernetes
from kubernetes.client import CoreV1Api, V1Pod

from sandbox import toolchain
from sandbox.cluster import Cluster
from sandbox.cluster.box import PRIVATE_SETTINGS
from sandbox.cluster.image_archive import write_archive
from sandbox.lifecycle import CLUSTER_TOOLS, NODE_TOOLS
from sandbox.network import SandboxNetwork, network

IMAGE = "tests.ariel.dev/kubectl:1"
POD_SECONDS = 60.0


@dataclass(frozen=True)
class NodeBed:
    """The cluster in `root`/cluster."""

    root: Path
    cluster: Cluster
    network: SandboxNetwork

    @classmethod
    def of(cls, root: Path) -> NodeBed:
        tools = toolchain.ensure(CLUSTER_TOOLS + NODE_TOOLS)
        chosen = network(root)
        return cls(root, Cluster(root / "cluster", tools, durable=False, network=chosen), chosen)

    @property
    def core(self) -> CoreV1Api:
        return CoreV1Api(kubernetes.config.new_client_from_config(str(self.cluster.kubeconfig)))

    def import_kubectl(self) -> None:
        archive = self.root / "kubectl.tar"
        write_archive(archive, IMAGE, {"kubectl": toolchain.path("kubectl")}, ["/kubectl"], platform.machine())
        self.cluster.import_image(archive)

    def run(self, name: str, arguments: Sequence[str], *, forever: bool = False) -> None:
        """Make a pod that runs kubectl with these arguments."""
        self._await_account()
        container = {"name": "kubectl", "image": IMAGE, "args": list(arguments)}
        pod = {
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [container], "restartPolicy": "Always" if forever else "Never"},
        }
        self.core.create_namespaced_pod("default", pod)

    def _await_account(self) -> None:
        """Pods are refused until the controllers have made the account of a new namespace."""
        deadline = time.monotonic() + POD_SECONDS
        while not any(
            item.metadata.name == "default" for item in self.core.list_namespaced_service_account("default").items
        ):
            assert time.monotonic() < deadline, "no account `default`"
            time.sleep(0.1)

    def await_phase(self, name: str, *phases: str) -> V1Pod:
        deadline = time.monotonic() + POD_SECONDS
        while True:
            pod = self.core.read_namespaced_pod(name, "default")
            if pod.status.phase in phases:
                return pod
            assert time.monotonic() < deadline, f"pod {name} stays {pod.status.phase}: {pod.status.conditions}"
            time.sleep(0.1)

    def said(self, name: str, arguments: Sequence[str]) -> tuple[str, str]:
        """Phase and output of a pod that ran kubectl with these arguments."""
        self.run(name, arguments)
        phase = self.await_phase(name, "Succeeded", "Failed").status.phase
        # Not decoded by the client, which would print what looks like JSON in Python's way.
        log = self.core.read_namespaced_pod_log(name, "default", _preload_content=False)
        return phase, log.data.decode()

    def answer(self, name: str, path: str, *options: str) -> dict[str, str]:
        """What a pod was answered that asked for this path of an HTTP server, by default that of the API."""
        phase, said = self.said(name, ["get", "--raw", path, *options])
        assert phase == "Succeeded", said
        return json.loads(said)

    def expose(self, name: str, port: int, target: int) -> str:
        """Make a service for the pod of that name; its ClusterIP."""
        spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}]}
        made = self.core.create_namespaced_service("default", {"metadata": {"name": name}, "spec": spec})
        return str(made.spec.cluster_ip)

    def inhabitants(self) -> set[int]:
        """Ids of all processes among the node's mounts."""
        identity = self.cluster.processes["node"].identity()
        return set() if identity is None else _in_mounts_of(Path(f"/proc/{identity.pid}/ns/mnt").readlink())


def _in_mounts_of(namespace: Path) -> set[int]:
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/mnt"):
        try:
            if link.readlink() == namespace:
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


def _cgroups(name: str) -> set[Path]:
    """Those of that name in every hierarchy; others that vanish meanwhile are passed over."""
    return {Path(folder, name) for folder, inside, _ in os.walk("/sys/fs/cgroup") if name in inside}


def traces(network: SandboxNetwork) -> dict[str, object]:
    """What a node could leave on this machine, apart from its folder."""
    nft = toolchain.path("nft")
    tables = subprocess.run(
        [nft, "list", "tables"],
        capture_output=True,
        text=True,
        check=True,
        env={"LD_LIBRARY_PATH": str(nft.parent)},
    )
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    settings = [*PRIVATE_SETTINGS, "net/ipv4/ip_forward"]
    places = (
        "/var/lib/kubelet",
        "/var/lib/cni",
        "/var/log/pods",
        "/var/log/containers",
        "/run/containerd",
        "/run/node",
    )
    return {
        "tables": "kube-proxy" in tables.stdout,
        "links": {link["ifname"] for link in links if link["ifname"].startswith(network.interface)},
        "routes": {line for line in routes.splitlines() if network.interface in line.split()},
        "mounts": sorted(mount for mount in mounts if mount.startswith(("/run", "/var", "/proc/sys"))),
        "cgroups": _cgroups(f"ariel-{network.number}"),
        "settings": {name: (Path("/proc/sys") / name).read_text() for name in settings},
        "places": {place for place in places if Path(place).exists()},
    }
