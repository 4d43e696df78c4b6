"""An address of the host for a server: that of the link to the node where there is one, else held on the loopback."""

from __future__ import annotations

import json
import subprocess
from typing import Final

_LOOPBACK: Final = "lo"


def hold(address: str) -> None:
    """Make sure that this machine has that address. Needs root."""
    if not _interfaces(address):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", _LOOPBACK], check=True, capture_output=True)


def release(address: str) -> None:
    """Take back what `hold` added; an address of another interface stays."""
    if _LOOPBACK in _interfaces(address):
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", _LOOPBACK], check=True, capture_output=True)


def _interfaces(address: str) -> list[str]:
    command = ["ip", "-json", "address", "show", "to", f"{address}/32"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [found["ifname"] for found in json.loads(shown or "[]") if found]
