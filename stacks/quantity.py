"""Kubernetes quantities in the forms which a stack file allows, as whole numbers that can be added and compared."""

from __future__ import annotations

from typing import Final

_MEBIBYTES: Final = {"Mi": 1, "Gi": 2**10, "Ti": 2**20}


def millicores(cpu: str) -> int:
    """Thousandths of a core: `500m` and `0.5` are both 500."""
    return int(cpu[:-1]) if cpu.endswith("m") else round(float(cpu) * 1000)


def mebibytes(memory: str) -> int:
    """`2Gi` is 2048."""
    return int(memory[:-2]) * _MEBIBYTES[memory[-2:]]
