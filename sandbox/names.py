"""Names that pods and the node resolve beside those of the cluster: a hosts file that the cluster's DNS server reads.

Owns the file. Does not own who listens behind a name, nor the DNS server (`sandbox.cluster.dns`).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sandbox.locks import exclusive
from sandbox.report import LineReport

_NAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?)*")


class HostNames:
    """The names of the sandbox in `root`: `<root>/dns/hosts` (hosts(5)), and beside it who gave which name."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "dns"
        self.hosts = self._folder / "hosts"
        self._owners = self._folder / "owners.json"

    def set(self, owner: str, names: Mapping[str, str]) -> None:
        """Replace the names of that owner: fully qualified name (no dot at the end) -> address. Raises ValueError.

        Pods see the change within two seconds. Two owners may not give one name to different addresses.
        """
        given = {name.lower(): str(ipaddress.ip_address(address)) for name, address in names.items()}
        if wrong := sorted(name for name in given if not _NAME.fullmatch(name)):
            raise ValueError(f"not host names: {', '.join(map(repr, wrong))}")
        with exclusive(self._folder / "lock", "another command that changes names", LineReport()):
            owners = self._read()
            for other, theirs in owners.items():
                taken = sorted(
                    name for name in given if other != owner and theirs.get(name, given[name]) != given[name]
                )
                if taken:
                    raise ValueError(f"{', '.join(taken)}: given by {other} with another address")
            owners[owner] = given
            self._write(owners)

    def names(self) -> dict[str, str]:
        """All names with their addresses."""
        return {name: address for names in self._read().values() for name, address in names.items()}

    def _read(self) -> dict[str, dict[str, str]]:
        return json.loads(self._owners.read_text()) if self._owners.exists() else {}

    def _write(self, owners: Mapping[str, Mapping[str, str]]) -> None:
        lines = [f"{address}\t{name}\n" for owner in sorted(owners) for name, address in sorted(owners[owner].items())]
        for file, text in ((self._owners, json.dumps(owners, indent=2, sort_keys=True)), (self.hosts, "".join(lines))):
            partial = file.with_name(f"{file.name}.partial")
            partial.write_text(text)
            partial.replace(file)
