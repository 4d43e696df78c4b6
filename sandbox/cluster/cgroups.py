"""The cgroup of all pods of one sandbox: one in each controller's tree (version 1), or just one (version 2)."""

from __future__ import annotations

import os
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


def obstacle(root: Path = ROOT) -> str:
    """Why no group can be made; empty when one can."""
    trees = [root] if _unified(root) else list(_trees(root))
    if locked := [str(tree) for tree in trees if not os.access(tree, os.W_OK)]:
        return f"not writable: {', '.join(locked)}"
    if not _unified(root):
        return ""
    missing = set(NEEDED) - set((root / "cgroup.subtree_control").read_text().split())
    # Only the machine's own root, which has no type, may have both processes and groups (cgroups(7)).
    nested = (root / "cgroup.type").exists() and (root / "cgroup.procs").read_text().strip()
    return f"{root} holds processes, so its groups get no {', '.join(sorted(missing))}" if missing and nested else ""


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
    """The mounted trees of version 1, and that of version 2 beside them, in which runc makes groups as well.

    Two names may be one tree (`cpu` -> `cpu,cpuacct`).
    """
    for tree in sorted(root.iterdir()) if root.exists() else ():
        if tree.is_dir() and (tree / "cgroup.procs").exists():
            yield tree
