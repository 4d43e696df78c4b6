"""Settings and credentials of the node's programs: containerd, kubelet, kube-proxy.

They lie in the node's folder, which the node sees at `box.HOME`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sandbox.cluster import box, kubeconfig
from sandbox.cluster.folder import ClusterFolder
from sandbox.network import SandboxNetwork
from sandbox.pki import Authority, write_private

NAME: Final = "node"
KUBELET_PORT: Final = 10250
HEALTH_PORT: Final = 10248
PAUSE_IMAGE: Final = "sandbox.ariel.dev/pause:1.0.0"
CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"

LABELS: Final = {
    # What the pool of tasks of a real cluster carries (components/cluster.py); here one node is every pool.
    "ariel.dev/pool": "tasks",
    "topology.kubernetes.io/region": "sandbox",
    "topology.kubernetes.io/zone": "sandbox-1",
}
MOST_PODS: Final = 200
MOST_PROCESSES_PER_POD: Final = 1024
"""Threads count; what a pod of Airflow has is below 300."""

_UNUSED_SNAPSHOTTERS: Final = ("aufs", "btrfs", "devmapper", "zfs")

TOOLS: Final = ("containerd", "runc", "host-local", "nft", "kubelet", "kube-proxy", "pause")


def cgroup(network: SandboxNetwork) -> str:
    """Name of the cgroup, in the machine's root, below which all pods of that sandbox are."""
    return f"ariel-{network.number}"


def write(folder: ClusterFolder, network: SandboxNetwork, authority: Authority, tools: Mapping[str, Path]) -> None:
    """Write all settings and credentials of the node into its folder."""
    home = folder.node
    for name in ("logs", "cni", "containerd", "kubelet"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    _credentials(folder, authority, network)
    (home / "containerd.toml").write_text(_containerd(tools))
    (home / "cni" / "sandbox.conflist").write_text(json.dumps(_cni(network)))
    # For pods that ask for the node's own resolver.
    (home / "resolv.conf").write_text(f"nameserver {network.cluster_dns}\n")
    (home / "kubelet.json").write_text(json.dumps(_kubelet(network), indent=2))
    (home / "kube-proxy.json").write_text(json.dumps(_kube_proxy(network), indent=2))
    specification = {"folder": str(home), "programs": _programs(network, tools)}
    write_private(home / "box.json", json.dumps(specification, indent=2).encode())


def _credentials(folder: ClusterFolder, authority: Authority, network: SandboxNetwork) -> None:
    users = {
        "kubelet": authority.client("kubelet", f"system:node:{NAME}", ["system:nodes"]),
        "kube-proxy": authority.client("kube-proxy", "system:kube-proxy"),
    }
    for user, pair in users.items():
        file = folder.node / f"{user}.kubeconfig"
        kubeconfig.write(file, server=folder.server, authority=folder.authority, user=user, credentials=pair)
    serving = authority.server("kubelet-serving", NAME, (NAME, network.node))
    copied = {"ca.crt": folder.authority, "serving.crt": serving.certificate, "serving.key": serving.key}
    for name, source in copied.items():
        write_private(folder.node / name, source.read_bytes())


def _programs(network: SandboxNetwork, tools: Mapping[str, Path]) -> list[box.Program]:
    kubelet = [
        f"--config={box.HOME}/kubelet.json",
        f"--kubeconfig={box.HOME}/kubelet.kubeconfig",
        f"--root-dir={box.HOME}/kubelet",
        f"--hostname-override={NAME}",
        # Else `kubectl logs` asks for the address of the machine's host name.
        f"--node-ip={network.node}",
        "--node-labels=" + ",".join(f"{key}={value}" for key, value in LABELS.items()),
    ]
    commands = {
        "containerd": [f"--config={box.HOME}/containerd.toml"],
        "kubelet": kubelet,
        "kube-proxy": [f"--config={box.HOME}/kube-proxy.json"],
    }
    environment = run_environment(tools)
    return [box.Program(name, [str(tools[name]), *rest], environment) for name, rest in commands.items()]


def run_environment(tools: Mapping[str, Path]) -> dict[str, str]:
    """Environment of what runs in the box: the node's tools first on PATH, with the libraries that lie beside them."""
    homes = list(dict.fromkeys(str(tools[name].parent) for name in TOOLS))
    libraries = [home for home in homes if any(Path(home).glob("lib*.so.*"))]
    return {
        "PATH": os.pathsep.join([*homes, os.environ.get("PATH", os.defpath)]),
        "HOME": str(box.HOME),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
    }


def _containerd(tools: Mapping[str, Path]) -> str:
    """Version 2 of the format, which containerd 1.6 to 2.x read; strings of JSON are strings of TOML."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    sections: dict[str, dict[str, object]] = {
        "": {
            "version": 2,
            "root": f"{box.HOME}/containerd",
            "state": "/run/containerd",
            "disabled_plugins": [f"io.containerd.snapshotter.v1.{name}" for name in _UNUSED_SNAPSHOTTERS],
        },
        "grpc": {"address": CONTAINERD_SOCKET},
        cri: {
            "sandbox_image": PAUSE_IMAGE,
            # A root without CAP_SYS_RESOURCE may not lower oom_score_adj, and without this no pod would start.
            "restrict_oom_score_adj": True,
            "disable_apparmor": True,
        },
        f"{cri}.containerd": {"snapshotter": "overlayfs", "default_runtime_name": "runc"},
        f"{cri}.containerd.runtimes.runc": {"runtime_type": "io.containerd.runc.v2"},
        f"{cri}.containerd.runtimes.runc.options": {"SystemdCgroup": False, "BinaryName": str(tools["runc"])},
        f"{cri}.cni": {"bin_dir": str(tools["host-local"].parent), "conf_dir": f"{box.HOME}/cni"},
    }
    return "\n".join(_toml(name, section) for name, section in sections.items())


def _toml(name: str, section: Mapping[str, object]) -> str:
    lines: Iterable[str] = (f"{key} = {json.dumps(value)}" for key, value in section.items())
    return "\n".join([*([f"[{name}]"] if name else []), *lines, ""])


def _cni(network: SandboxNetwork) -> dict[str, object]:
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": network.pod_range}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        # In the box: no pod outlives it, so no address may.
        "dataDir": "/run/cni",
    }
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "1.0.0", "name": "sandbox", "plugins": [bridge]}


def _kubelet(network: SandboxNetwork) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node,
        "port": KUBELET_PORT,
        "healthzBindAddress": network.node,
        "healthzPort": HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{box.HOME}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{box.HOME}/serving.crt",
        "tlsPrivateKeyFile": f"{box.HOME}/serving.key",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup(network)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [network.cluster_dns],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{box.HOME}/resolv.conf",
        # So that a node that was started again says soon that it is ready.
        "nodeStatusUpdateFrequency": "5s",
        "maxPods": MOST_PODS,
        "podPidsLimit": MOST_PROCESSES_PER_POD,
        "podLogsDir": f"{box.HOME}/logs/pods",
        # The images of the sandbox come from no registry, so none may be thrown away.
        "imageGCHighThresholdPercent": 100,
        # The machine's disk is not the node's own: evict only when it is all but full.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }


def _kube_proxy(network: SandboxNetwork) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NAME,
        "clusterCIDR": network.pod_range,
        "clientConnection": {"kubeconfig": f"{box.HOME}/kube-proxy.kubeconfig"},
        "healthzBindAddress": f"{network.node}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Left as they are: connection tracking is limited for the whole machine.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
