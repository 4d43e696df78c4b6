"""What this machine must have for a node, looked at before anything is started.

Every check leaves the machine as it was: features of the kernel are tried in namespaces that end with the trial.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.cluster import cgroups
from sandbox.cluster.folder import ClusterFolder
from sandbox.cluster.link import HostLink
from sandbox.network import SandboxNetwork, routed
from stacks.errors import MachineError, Problem

DISK_BYTES: Final = 10 * (1 << 30)
"""Images and their layers take about 4 GiB; kubelet evicts pods from a disk that is all but full."""

PROGRAMS: Final = ("ip", "nsenter", "unshare", "mount")

_CAPABILITIES: Final = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}  # capabilities(7), linux/capability.h
_OVERLAY: Final = """
mount -t tmpfs none /run
mkdir /run/lower /run/upper /run/work /run/merged
mount -t overlay none /run/merged -o lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work
"""
_RULES: Final = """
table ip probe {
    map backends { type ipv4_addr . inet_proto . inet_service : verdict; }
    chain nat {
        type nat hook postrouting priority 100;
        ct state new numgen random mod 2 vmap { 0 : accept };
        masquerade fully-random;
    }
    chain local { fib daddr type local accept; ip daddr . meta l4proto . th dport vmap @backends; }
}
"""
"""Expressions of the rules that kube-proxy writes."""

FEATURES: Final = {
    "overlay file systems": _OVERLAY,
    "bridges": "ip link add probe type bridge",
    "virtual links": "ip link add probe type veth peer name probe2",
}
"""Feature of the kernel -> shell commands that succeed with it."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule, what was found, and what to do when it does not hold (empty when it does)."""

    name: str
    ok: bool
    found: str
    rule: str
    action: str

    @classmethod
    def of(cls, name: str, ok: bool, found: str, rule: str, action: str) -> Check:
        """A check that names an action only when it failed."""
        return cls(name=name, ok=ok, found=found, rule=rule, action="" if ok else action)


def checks(folder: Path, nft: Path | None) -> Iterator[Check]:
    """All checks for a node whose data is in `folder`; firewall rules are tried when `nft` is there."""
    root = _root()
    yield root
    yield _programs()
    yield _cgroups(cgroups.ROOT)
    if root.ok:
        yield _kernel(FEATURES, nft)
    yield _disk(folder)


def require(folder: ClusterFolder, network: SandboxNetwork, nft: Path | None) -> None:
    """Raises MachineError with everything that a node would lack here."""
    found = [*checks(folder.root, nft), _addresses(network), _made_with_a_node(folder)]
    problems = [
        Problem(path=check.name, value=check.found, rule=check.rule, action=check.action)
        for check in found
        if not check.ok
    ]
    if problems:
        raise MachineError(problems)


def _root() -> Check:
    status = Path("/proc/self/status").read_text().splitlines()
    effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    lacking = [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]
    if os.geteuid() != 0:
        lacking.insert(0, "root")
    return Check.of(
        "node: rights",
        not lacking,
        f"user {os.geteuid()}" + (f" without {', '.join(lacking)}" if lacking else ""),
        "root with the rights to make namespaces, mounts and links",
        "use sudo, a container with `--privileged`, or a cluster that you have: `ariel up --kubeconfig FILE`",
    )


def _programs() -> Check:
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    return Check.of(
        "node: programs of the machine",
        not lacking,
        f"not on PATH: {', '.join(lacking)}" if lacking else "all there",
        f"{', '.join(PROGRAMS)} on PATH",
        "install them (Debian, Ubuntu: `sudo apt install iproute2 util-linux mount`)",
    )


def _cgroups(root: Path) -> Check:
    lacking = sorted(set(cgroups.NEEDED) - cgroups.available(root)) if root.exists() else list(cgroups.NEEDED)
    obstacle = f"not mounted: {', '.join(lacking)}" if lacking else cgroups.obstacle(root)
    return Check.of(
        "node: cgroups",
        not obstacle,
        obstacle or f"{', '.join(cgroups.NEEDED)} at {root}",
        f"the controllers {', '.join(cgroups.NEEDED)} are mounted at {root} and new groups can be made",
        "in a container: start it with `--privileged --cgroupns=host`; else mount the cgroup file system",
    )


def _kernel(features: Mapping[str, str], nft: Path | None) -> Check:
    lacking = {name: said for name, script in features.items() if (said := _try(["sh", "-ec", script])) is not None}
    if nft is not None and (said := _try([str(nft), "-f", "-"], stdin=_RULES, library=nft.parent)) is not None:
        lacking["firewall rules (nftables)"] = said
    return Check.of(
        "node: kernel",
        not lacking,
        "; ".join(f"no {name}: {said}" for name, said in lacking.items()) or "all features there",
        f"the kernel has {', '.join(features)} and nftables",
        "load the modules overlay, bridge, veth and nf_tables on the host (`sudo modprobe`), or use another kernel",
    )


def _try(command: list[str], stdin: str = "", library: Path | None = None) -> str | None:
    """What a command said that failed in namespaces of its own; None when it succeeded."""
    environment = os.environ | ({"LD_LIBRARY_PATH": str(library)} if library else {})
    isolated = ["unshare", "--mount", "--net", "--", *command]
    answer = subprocess.run(isolated, input=stdin, capture_output=True, text=True, check=False, env=environment)
    return None if answer.returncode == 0 else (answer.stderr.strip().splitlines() or [f"exit {answer.returncode}"])[0]


def _disk(folder: Path) -> Check:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    return Check.of(
        "node: disk",
        free >= DISK_BYTES,
        f"{free / (1 << 30):.1f} GiB free at {folder}",
        f"{DISK_BYTES >> 30} GiB free",
        "free some space, or move the checkout to a larger disk",
    )


def _addresses(network: SandboxNetwork) -> Check:
    taken = not HostLink(network).exists() and routed(network.number)
    ranges = ", ".join((network.link_range, network.service_range, network.pod_range))
    return Check.of(
        "node: addresses",
        not taken,
        f"{ranges}{': routed elsewhere' if taken else ''}",
        "nothing else on this machine uses the addresses of the sandbox",
        "end the VPN or program that claims them (`ip route`), or start anew with other addresses: `ariel reset`",
    )


def _made_with_a_node(folder: ClusterFolder) -> Check:
    without = (folder.etcd / "data").exists() and not folder.node.exists()
    return Check.of(
        "node: data of the cluster",
        not without,
        f"{folder.root} was made without a node" if without else "made with a node",
        "a cluster's addresses are chosen when it is first started",
        "start anew: `ariel reset`, then `ariel up`",
    )
