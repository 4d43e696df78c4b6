"""The node: a box of its own namespaces on this machine, linked to the host, with its cgroup and its images.

Does not own the settings of what runs in it (`sandbox.cluster.node_settings`).
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from sandbox.cluster import box, cgroups, node_settings
from sandbox.cluster.component import Component
from sandbox.cluster.folder import ClusterFolder
from sandbox.cluster.image_archive import write_archive
from sandbox.cluster.link import HostLink
from sandbox.cluster.node_settings import CONTAINERD_SOCKET, NAME, PAUSE_IMAGE, run_environment
from sandbox.network import SandboxNetwork
from sandbox.pki import Authority
from sandbox.processes import OwnedProcess
from stacks.errors import MachineError, Problem

INTERPRETER: Final = Path(sys.executable)
"""The executable of the node's component."""

_ISOLATION_SECONDS: Final = 10.0
_ERRORS: Final = ("E", "F")  # klog begins a line with its severity; F is fatal.
_KEPT_ERRORS: Final = 6
_LINE_LENGTH: Final = 300
_CTR: Final = ("ctr", f"--address={CONTAINERD_SOCKET}", "--namespace=k8s.io")


def _arguments(folder: ClusterFolder) -> list[str]:
    # `-I`: neither this project nor the environment is on the box's import path.
    return ["-I", str(Path(box.__file__).resolve()), str(folder.node / "box.json")]


def _is_ready(answer: httpx.Response) -> bool:
    if answer.status_code != httpx.codes.OK:
        return False
    conditions = answer.json()["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


NODE: Final = Component(
    name=NAME,
    arguments=_arguments,
    health=lambda folder: f"{folder.server}/api/v1/nodes/{NAME}",
    answers=_is_ready,
    stop_seconds=box.STOP_SECONDS + 5,
    listens=False,
)


def _network_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


class Node:
    """What is around the box of one cluster; `process` is the box."""

    def __init__(
        self, folder: ClusterFolder, network: SandboxNetwork, tools: Mapping[str, Path], process: OwnedProcess
    ) -> None:
        self._folder = folder
        self._network = network
        self._tools = tools
        self._process = process
        self.link = HostLink(network)

    def prepare(self, authority: Authority) -> None:
        """Write the settings and make the cgroup."""
        node_settings.write(self._folder, self._network, authority, self._tools)
        cgroups.create(node_settings.cgroup(self._network))

    def forget_readiness(self, client: httpx.Client) -> None:
        """Say that nobody knows whether the node is ready, so that it is ready only when it says so itself."""
        unknown = {"type": "Ready", "status": "Unknown", "reason": "NodeStarts", "message": "the node is being started"}
        answer = client.patch(
            f"{self._folder.server}/api/v1/nodes/{NAME}/status",
            headers={"Content-Type": "application/strategic-merge-patch+json"},
            json={"status": {"conditions": [unknown]}},
        )
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    def connect(self) -> None:
        """Give the box its link once it has a network of its own; its programs then start. Raises MachineError."""
        deadline = time.monotonic() + _ISOLATION_SECONDS
        while _network_of(self._pid()) == _network_of(os.getpid()):
            if time.monotonic() > deadline:
                raise MachineError([self._refused(f"no network of its own within {_ISOLATION_SECONDS} s")])
            time.sleep(0.01)
        self.link.connect(self._pid())

    def left(self) -> bool:
        """Whether something of an ended box is on the host."""
        return self.link.exists()

    def complaints(self) -> str:
        """The last errors in kubelet's log: it is kubelet that says what keeps the node from being ready."""
        log = self._folder.node / "logs" / "kubelet.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([line[:_LINE_LENGTH] for line in lines if line.startswith(_ERRORS)][-_KEPT_ERRORS:])

    def clear(self) -> None:
        """Remove what the ended box leaves on the host."""
        self.link.down()
        cgroups.remove(node_settings.cgroup(self._network))

    def add_pause_image(self) -> None:
        """Import the image that holds the namespaces of every pod, unless it is there."""
        if PAUSE_IMAGE in self.images():
            return
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "pause.tar"
            write_archive(archive, PAUSE_IMAGE, {"pause": self._tools["pause"]}, ["/pause"], platform.machine())
            self.import_image(archive)

    def import_image(self, archive: Path) -> None:
        """Import every image of an OCI or Docker archive, under the names that it gives. Raises MachineError."""
        # Through a pipe: the box may not see the file.
        with archive.open("rb") as content:
            answer = subprocess.run(
                [*self._enter(), *_CTR, "images", "import", "-"],
                stdin=content,
                capture_output=True,
                check=False,
                env=run_environment(self._tools),
            )
        if answer.returncode != 0:
            raise MachineError([self._refused(f"{archive} was not imported: {answer.stderr.decode().strip()[-500:]}")])

    def name_image(self, image: str, name: str) -> None:
        """Give an image that the node has a further name; a pod finds it by that. Raises MachineError."""
        answer = self.run([*_CTR, "images", "tag", "--force", image, name])
        if answer.returncode != 0:
            raise MachineError([self._refused(f"{image} was not named {name}: {answer.stderr.strip()[-500:]}")])

    def images(self) -> set[str]:
        """Names of the images that the node has. Raises MachineError."""
        answer = self.run([*_CTR, "images", "list", "--quiet"])
        if answer.returncode != 0:
            raise MachineError([self._refused(f"containerd does not answer: {answer.stderr.strip()[-500:]}")])
        return {name for name in answer.stdout.split() if not name.startswith("sha256:")}

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command among the node's mounts and network. Raises MachineError when the node does not run."""
        return subprocess.run(
            [*self._enter(), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=run_environment(self._tools),
        )

    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", "--target", str(self._pid()), "--mount", "--net", "--")

    def _pid(self) -> int:
        identity = self._process.identity()
        if identity is None:
            raise MachineError(
                [self._refused(f"the node does not run; its log ends with:\n{self._process.log_tail()}")]
            )
        return identity.pid

    def _refused(self, value: str) -> Problem:
        return Problem(
            path=str(self._folder.node / "logs"),
            value=value,
            rule="the node runs and takes images",
            action="read the logs in that folder; `ariel up` starts the node again",
        )
