"""Loopback ports that a sandbox chooses once and keeps, so that its addresses stay the same over restarts."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

RANGE: Final = range(20_000, 32_000)
"""Below the kernel's ephemeral range (32768-60999), so that no outgoing connection sits on a kept port."""

_LISTEN: Final = "0A"  # proc(5), net/tcp: the state of a listening socket.


class KeptPorts:
    """The ports of one sandbox by name, kept in a JSON file `{name: port}`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, name: str) -> int:
        """The port of that name, chosen free at the first call."""
        kept = self._read()
        return kept[name] if name in kept else self.choose(name)

    def choose(self, name: str) -> int:
        """Replace the port of that name by one that is free now."""
        kept = {other: port for other, port in self._read().items() if other != name}
        port = _free(set(kept.values()))
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(kept | {name: port}, indent=2))
        partial.replace(self._file)
        return port

    def _read(self) -> dict[str, int]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}


def busy(port: int) -> bool:
    """Whether somebody listens on that loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: sockets of a server that just ended (TIME_WAIT) do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def holder(port: int) -> str:
    """Who listens on that port, for a message: `process 123 (name)`, or that it is another user's process."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # Ended meanwhile, or another user's: not ours to read.
            if inodes & set(_opened(process)):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return "a process of another user"


def _free(taken: set[int]) -> int:
    offset = secrets.randbelow(len(RANGE))
    for index in range(len(RANGE)):
        port = RANGE[(offset + index) % len(RANGE)]
        if port not in taken and not busy(port):
            return port
    raise OSError(f"no free loopback port between {RANGE.start} and {RANGE.stop - 1}")


def _opened(process: Path) -> Iterator[str]:
    """What each open file of the process leads to, as proc(5) names it."""
    for file in os.listdir(process / "fd"):
        with suppress(FileNotFoundError):  # Closed meanwhile.
            yield os.readlink(process / "fd" / file)


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes
