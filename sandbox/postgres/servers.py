"""All PostgreSQL servers of one sandbox: what is made, changed and removed, and what runs after a restart.

Their processes outlive whoever started them. Methods may be called from any process of the same user; those that change
something exclude each other.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from sandbox.cluster.folder import ClusterFolder
from sandbox.locks import exclusive
from sandbox.names import HostNames
from sandbox.network import POSTGRES_SERVERS, SandboxNetwork
from sandbox.pki import Authority, KeyPair
from sandbox.ports import KeptPorts
from sandbox.postgres.server import Description, Server
from sandbox.postgres.tree import Tree
from sandbox.report import LineReport, Report
from sandbox.rootfs import ensure

_OWNER: Final = "postgres"
_AUTHORITY: Final = "ariel sandbox cluster"


class PostgresServers:
    """The servers below `<root>/postgres`, each at an address of `network` that it keeps.

    `tree` gives the root tree to run them from; it is asked for only when something is started or changed.
    """

    def __init__(
        self,
        root: Path,
        network: SandboxNetwork,
        report: Report | None = None,
        tree: Callable[[], Path] | None = None,
    ) -> None:
        self._root = root.absolute()
        self._folder = self._root / "postgres"
        self._network = network
        self._report = report or LineReport()
        self._tree = tree or (lambda: ensure("postgresql", self._report))

    @cached_property
    def tree(self) -> Tree:
        """Where PostgreSQL's programs are; built at the first use on a machine."""
        return Tree(self._tree())

    @property
    def sign_in_port(self) -> int:
        """Loopback port at which the servers ask whether a token opens a role (`sandbox.postgres.sign_in`)."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return KeptPorts(self._folder / "ports.json").get("sign-in")

    def server(self, name: str) -> Server:
        return Server(self._folder / name)

    def names(self) -> list[str]:
        """Those that exist, or whose creation has begun."""
        return sorted(file.parent.name for file in self._folder.glob("*/server.json"))

    def apply(self, wanted: Description) -> None:
        """Make the server, or bring it to what is wanted; another SKU restarts it. `address` and states are kept."""
        with self._changing():
            server = self.server(wanted.name)
            standing = server.description()
            if standing is None or not standing.made:
                self._create(server, wanted, standing)
                return
            server.describe(replace(wanted, address=standing.address, wanted=standing.wanted, made=True))
            try:
                server.configure(self.tree, self.sign_in_port)
            except Exception:
                server.describe(standing)
                raise
            if standing.wanted and standing.sku != wanted.sku:
                server.stop()
            if standing.wanted:
                server.start(self.tree)

    def remove(self, name: str) -> None:
        """End the server and take away its data, certificate, name and address; also when there is none."""
        with self._changing():
            server = self.server(name)
            server.stop()
            if server.folder.exists():
                shutil.rmtree(server.folder)
            for file in (self._pair(name).certificate, self._pair(name).key):
                file.unlink(missing_ok=True)
            self._publish()

    def start(self, name: str) -> None:
        """Start what was stopped on purpose."""
        with self._changing():
            self._want(self.server(name), True)
            self.server(name).start(self.tree)

    def stop(self, name: str) -> None:
        """Stop it for good: `start_all` leaves it alone."""
        with self._changing():
            self._want(self.server(name), False)
            self.server(name).stop()

    def restart(self, name: str, *, crash: bool = False) -> None:
        """End and start it; with `crash` without a checkpoint, as when a standby takes over."""
        with self._changing():
            server = self.server(name)
            if crash:
                server.kill(0.0)
                server.wait(self.tree)
            else:
                server.stop()
                server.start(self.tree)

    def start_all(self) -> None:
        """Start every server that was not stopped on purpose, and return when they answer. Raises MachineError."""
        with self._changing():
            for name in self.names():
                server = self.server(name)
                described = server.description()
                if described is not None and described.made and described.wanted:
                    server.start(self.tree)
            self._publish()

    def stop_all(self) -> None:
        """End all processes and give the addresses back; data stays."""
        with self._changing():
            for name in self.names():
                self.server(name).stop()

    def status(self) -> dict[str, bool]:
        """Name -> whether it runs and answers; those that were stopped on purpose are left out."""
        servers = {name: self.server(name) for name in self.names()}
        wanted = {name: found for name, server in servers.items() if (found := server.description()) and found.wanted}
        return {name: servers[name].answers(self.tree) for name in wanted}

    def kill(self, name: str, seconds: float = 0.0) -> None:
        """Crash it and keep it down that long; it recovers by itself."""
        self.server(name).kill(seconds)

    def pause(self, name: str) -> None:
        """Freeze it: connections stay open, and nothing answers."""
        self.server(name).pause()

    def resume(self, name: str) -> None:
        """Undo `pause`."""
        self.server(name).resume()

    def _create(self, server: Server, wanted: Description, standing: Description | None) -> None:
        server.stop()
        server.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        address = standing.address if standing is not None else self._free_address()
        described = replace(wanted, address=address)
        server.describe(described)
        authority = Authority(ClusterFolder(self._root / "cluster").pki, _AUTHORITY)
        certificate = authority.server(self._pair(wanted.name).certificate.stem, wanted.host, [wanted.host])
        server.initialize(self.tree, certificate)
        server.configure(self.tree, self.sign_in_port)
        server.start(self.tree)
        server.bootstrap(self.tree)
        server.describe(replace(described, made=True))
        self._publish()

    def _free_address(self) -> str:
        taken = {found.address for name in self.names() if (found := self.server(name).description())}
        addresses = (self._network.postgres(index) for index in range(POSTGRES_SERVERS + 1))
        return next(address for address in addresses if address not in taken)

    def _publish(self) -> None:
        found = [self.server(name).description() for name in self.names()]
        made = [described for described in found if described is not None and described.made]
        HostNames(self._root).set(_OWNER, {described.host: described.address for described in made})

    def _pair(self, name: str) -> KeyPair:
        return ClusterFolder(self._root / "cluster").pair(f"postgres-{name}")

    @staticmethod
    def _want(server: Server, wanted: bool) -> None:
        described = server.description()
        if described is not None:
            server.describe(replace(described, wanted=wanted))

    def _changing(self) -> AbstractContextManager[None]:
        return exclusive(self._folder / "lock", "another command on the PostgreSQL servers", self._report)
