"""What this machine must have for a node."""

from __future__ import annotations

from sandbox.cluster.folder import ClusterFolder
from sandbox.network import SandboxNetwork


def require(folder: ClusterFolder, network: SandboxNetwork) -> None:
    """Raises MachineError with everything that is missing."""
