"""The addresses of one sandbox: a network number that is free on this machine, chosen once and kept.

Owns the address plan. Does not own what listens there, nor the link that carries it (`sandbox.cluster.box`).

| address | is |
|---|---|
| 10.213.N.1 | the host's end: API server |
| 10.213.N.2 | the node |
| 10.213.N.3 | the emulated public endpoints of Azure, the git server and the recorded forecast |
| 10.213.N.32-63 | PostgreSQL servers, one address each |
| 10.214.N.0/24 | ClusterIP addresses of services |
| 10.215.N.0/24 | pods |
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox.locks import exclusive
from sandbox.paths import cache
from sandbox.report import LineReport
from stacks.errors import MachineError, Problem

NUMBERS: Final = range(256)
POSTGRES_SERVERS: Final = 32

_ROUTES: Final = Path("/proc/net/route")
_FIRST_POSTGRES: Final = 32


@dataclass(frozen=True)
class SandboxNetwork:
    """The addresses of the sandbox with that number; every range is a /24 of 10.0.0.0/8."""

    number: int

    @property
    def gateway(self) -> str:
        """The host's end of the link to the node."""
        return f"10.213.{self.number}.1"

    @property
    def node(self) -> str:
        """The node's end of the link."""
        return f"10.213.{self.number}.2"

    @property
    def services(self) -> str:
        """The host's address for the emulated public endpoints of Azure and for the git server."""
        return f"10.213.{self.number}.3"

    @property
    def link_range(self) -> str:
        """All addresses of the host and the node."""
        return f"10.213.{self.number}.0/24"

    @property
    def service_range(self) -> str:
        """ClusterIP addresses; the host routes them to the node."""
        return f"10.214.{self.number}.0/24"

    @property
    def pod_range(self) -> str:
        """Addresses of pods; the host routes them to the node."""
        return f"10.215.{self.number}.0/24"

    @property
    def first_service(self) -> str:
        """ClusterIP of the API server: the first of the range, by Kubernetes' own rule."""
        return f"10.214.{self.number}.1"

    @property
    def cluster_dns(self) -> str:
        """ClusterIP of the DNS server."""
        return f"10.214.{self.number}.10"

    @property
    def interface(self) -> str:
        """Name of the host's end of the link."""
        return f"ariel{self.number}"

    @property
    def host_addresses(self) -> tuple[str, ...]:
        """Every address that the host holds on the link."""
        return (self.gateway, self.services, *(self.postgres(index) for index in range(POSTGRES_SERVERS)))

    def postgres(self, index: int) -> str:
        """The address of a PostgreSQL server; index from 0. Raises ValueError beyond the last."""
        if not 0 <= index < POSTGRES_SERVERS:
            raise ValueError(f"a sandbox has addresses for {POSTGRES_SERVERS} PostgreSQL servers, not for {index + 1}")
        return f"10.213.{self.number}.{_FIRST_POSTGRES + index}"


def has_network(root: Path) -> bool:
    """Whether the sandbox in `root` has chosen its number."""
    return _file(root).exists()


def network(root: Path) -> SandboxNetwork:
    """The network of the sandbox in `root`; at the first call a free number is chosen. Raises MachineError."""
    file = _file(root)
    if not file.exists():
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive(_claims() / "lock", "another sandbox that chooses its addresses", LineReport()):
            if not file.exists():
                _choose(root, file)
    return SandboxNetwork(json.loads(file.read_text())["number"])


def routed(number: int) -> bool:
    """Whether the machine already routes addresses of that number somewhere of its own."""
    chosen = SandboxNetwork(number)
    ranges = [ipaddress.ip_network(text) for text in (chosen.link_range, chosen.service_range, chosen.pod_range)]
    return any(route.overlaps(wanted) for route in _routes() for wanted in ranges)


def _file(root: Path) -> Path:
    return root / "network.json"


def _claims() -> Path:
    """Folder with a link `<number>` -> root for each sandbox of this user: one without a running node has no routes."""
    return cache() / "networks"


def _claimed(number: int) -> bool:
    """Whether a sandbox that still stands chose that number."""
    chosen = _file(_claims() / str(number))
    return chosen.exists() and json.loads(chosen.read_text())["number"] == number


def _choose(root: Path, file: Path) -> None:
    number = _free_number()
    claim = _claims() / str(number)
    claim.unlink(missing_ok=True)
    claim.symlink_to(root.absolute(), target_is_directory=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"number": number}))
    partial.replace(file)


def _free_number() -> int:
    free = [number for number in NUMBERS if not routed(number)]
    if free:
        # Random, because a stopped sandbox of another user has neither a route nor a claim here.
        return secrets.choice([number for number in free if not _claimed(number)] or free)
    problem = Problem(
        path="network",
        value="this machine routes all of 10.213.0.0/16, 10.214.0.0/16 or 10.215.0.0/16 elsewhere",
        rule="one /24 of each of these three ranges is free",
        action="end a VPN that claims them, or stop another sandbox (`ariel down`)",
    )
    raise MachineError([problem])


def _routes() -> Iterator[ipaddress.IPv4Network]:
    """proc(5), net/route: destination and mask as hexadecimal numbers in the machine's byte order (little-endian)."""
    for line in _ROUTES.read_text().splitlines()[1:]:
        fields = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(field), "little") for field in (fields[1], fields[7]))
        if mask:  # The default route claims nothing.
            yield ipaddress.IPv4Network((destination, mask.bit_count()))
