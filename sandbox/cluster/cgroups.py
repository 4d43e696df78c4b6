"""The cgroup of all pods of one sandbox: one in every controller's tree (version 1), or one (version 2)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
NEEDED: Final = ("cpu", "memory", "pids")
_REMOVE_SECONDS: Final = 5.0
"""A cgroup may be removed once the kernel is done with its last process, which is shortly after it ended."""


def available(root: Path = ROOT) -> set[str]:
    """The controllers that groups below `root` may use."""
    if _unified(root):
        return set((root / "cgroup.controllers").read_text().split())
    return {tree.name for tree in _trees(root)}


def create(name: str, root: Path = ROOT) -> None:
    """Make the group with the controllers that kubelet needs. Raises OSError where the kernel does not allow it."""
    if _unified(root):
        wanted = available(root)
        group = root / name
        group.mkdir(exist_ok=True)
        for controllers in (root / "cgroup.subtree_control", group / "cgroup.subtree_control"):
            enabled = set(controllers.read_text().split())
            if missing := wanted - enabled:
                controllers.write_text(" ".join(f"+{controller}" for controller in sorted(missing)))
        return
    for tree in _trees(root):
        group = tree / name
        group.mkdir(exist_ok=True)
        # A new group of this controller holds no processor and no memory, and so takes no process.
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((tree / setting).read_text())


def remove(name: str, root: Path = ROOT) -> None:
    """Remove the group with all below it; no process is in it any more. Raises OSError if one is."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    for tree in [root] if _unified(root) else _trees(root):
        group = tree / name
        deepest_first = sorted((folder for folder in group.rglob("*") if folder.is_dir()), reverse=True)
        for folder in [*deepest_first, *([group] if group.exists() else [])]:
            _remove(folder, deadline)


def _remove(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _unified(root: Path) -> bool:
    return (root / "cgroup.controllers").exists()


def _trees(root: Path) -> Iterator[Path]:
    """The mounted trees of version 1; two names may be one tree (`cpu` -> `cpu,cpuacct`)."""
    for tree in sorted(root.iterdir()) if root.exists() else ():
        if tree.is_dir() and (tree / "cgroup.procs").exists() and not _unified(tree):
            yield tree
