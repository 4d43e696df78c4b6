"""The link between host and node: a bridge that holds the host's addresses, and routes to services and pods.

The bridge is there before the node and stays when the node is killed, so that what listens on its addresses is not
disturbed. Uses `ip` and `nsenter` of the machine.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from sandbox.network import SandboxNetwork
from stacks.errors import MachineError, Problem

_NODE_END = "eth0"


class HostLink:
    """The host's end of the network of one sandbox. Every method may be called again."""

    def __init__(self, network: SandboxNetwork) -> None:
        self._network = network
        self._bridge = network.interface
        self._port = f"{network.interface}n"

    def up(self) -> None:
        """Make the bridge with all host addresses. Raises MachineError."""
        if not self.exists():
            _ip("link", "add", self._bridge, "type", "bridge")
        held = self._held()
        # The first address comes with the route to the node.
        for index, address in enumerate(self._network.host_addresses):
            if address not in held:
                _ip("address", "add", f"{address}/{32 if index else 24}", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def connect(self, pid: int) -> None:
        """Join the network namespace of that process to the bridge, as the node. Raises MachineError."""
        _delete(self._port)
        _ip("link", "add", self._port, "type", "veth", "peer", "name", _NODE_END, "netns", str(pid))
        _ip("link", "set", self._port, "master", self._bridge, "up")
        inside = ("nsenter", "--target", str(pid), "--net", "ip")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "address", "add", f"{self._network.node}/24", "dev", _NODE_END)
        _run(*inside, "link", "set", _NODE_END, "up")
        for addresses in (self._network.service_range, self._network.pod_range):
            _ip("route", "replace", addresses, "via", self._network.node, "dev", self._bridge)
        # Last: the node's programs start when it is there.
        _run(*inside, "route", "add", "default", "via", self._network.gateway)

    def down(self) -> None:
        """Remove the bridge, with its addresses and routes, and the node's port."""
        _delete(self._port)
        _delete(self._bridge)

    def exists(self) -> bool:
        """Whether the bridge is there."""
        return _exists(self._bridge)

    def _held(self) -> set[str]:
        interfaces = json.loads(_ip("-json", "address", "show", "dev", self._bridge))
        return {address["local"] for interface in interfaces for address in interface["addr_info"]}


def _exists(link: str) -> bool:
    return (Path("/sys/class/net") / link).exists()


def _delete(link: str) -> None:
    """Also when the kernel, which takes the port away soon after the node has ended, is faster."""
    if _exists(link):
        try:
            _ip("link", "delete", link)
        except MachineError:
            if _exists(link):
                raise


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if answer.returncode != 0:
        problem = Problem(
            path="network",
            value=f"`{' '.join(command)}` failed: {answer.stderr.strip()}",
            rule="this user may make bridges, links and routes",
            action="run `ariel doctor`; it names what the machine lacks",
        )
        raise MachineError([problem])
    return answer.stdout
