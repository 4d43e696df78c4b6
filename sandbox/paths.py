"""Where the sandbox keeps what: the state of one stack in its checkout, and the cache that all checkouts share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
"""The checkout that this code runs from."""


def cache() -> Path:
    """`ARIEL_CACHE`, else `ariel` in the user's cache folder (XDG Base Directory Specification)."""
    chosen = os.environ.get("ARIEL_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The specification says that a relative value is to be ignored.
    return (home if home.is_absolute() else Path.home() / ".cache") / "ariel"


@dataclass(frozen=True)
class SandboxPaths:
    """The state of one stack's sandbox, all below `<project>/.ariel/<stack>`."""

    project: Path
    stack: str

    @property
    def root(self) -> Path:
        """Folder with everything that a wipe removes."""
        return self.project.absolute() / ".ariel" / self.stack

    @property
    def lock(self) -> Path:
        """Lock that serialises start, stop and wipe; outside the folder that a wipe removes."""
        return self.root.with_name(f"{self.stack}.lock")

    @property
    def arm(self) -> Path:
        """State of the emulated Azure Resource Manager."""
        return self.root / "arm"

    @property
    def arm_token(self) -> Path:
        """File with the bearer token that the emulated Azure Resource Manager asks for."""
        return self.root / "arm-token"

    @property
    def cluster(self) -> Path:
        """The cluster's folder."""
        return self.root / "cluster"

    @property
    def git(self) -> Path:
        """Bare repositories of the emulated git host, each at the path of its URL; to push, name the folder."""
        return self.root / "git"

    @property
    def ports(self) -> Path:
        """Ports of what is not part of the cluster."""
        return self.root / "ports.json"

    @property
    def logs(self) -> Path:
        """Logs of what is not part of the cluster."""
        return self.root / "logs"

    @property
    def records(self) -> Path:
        """Process records of what is not part of the cluster."""
        return self.root / "run"

    @property
    def backend(self) -> Path:
        """Pulumi's file backend: state and history of the stack."""
        return self.root / "pulumi"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME: plug-ins and credentials, apart from those of the person's own Pulumi."""
        return self.root / "home"
