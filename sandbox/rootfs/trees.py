"""Complete root trees for what runs on the machine itself, not in a container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from sandbox.report import Report
from sandbox.rootfs import debian
from sandbox.rootfs.layers import Layer, building, ensure_layer, flatten, folder, partial_folder

Tree = Literal["base", "postgresql"]

_LAYERS: Final[Mapping[Tree, Layer]] = {
    "base": debian.BASE,
    # The emulated servers make their own clusters; Debian's would be one too many.
    "postgresql": debian.with_packages(
        "postgresql", ["postgresql-17"], then="rm -rf /var/lib/postgresql/17 /etc/postgresql/17"
    ),
}


def layer(name: Tree) -> Layer:
    """The top layer of that tree."""
    return _LAYERS[name]


def ensure(name: Tree, report: Report) -> Path:
    """The folder of that tree, built where it is missing; nobody may write to it. Raises MachineError."""
    top = layer(name)
    target = folder() / "trees" / f"{name}-{top.key[:12]}"
    if not target.exists():
        with building(report):
            ensure_layer(top, report)
            if not target.exists():
                with report.step(f"Copy tree {name}"), partial_folder(target) as partial:
                    flatten(top, partial)
    return target
