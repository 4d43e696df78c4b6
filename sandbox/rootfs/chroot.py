"""Run one script inside a root tree, in namespaces of its own, so that nothing it mounts or starts outlives it.

Owns the mounts. Does not own what the script does, nor where its results are kept.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stacks.errors import MachineError, Problem

INPUTS: Final = "/run/build"
"""Folder inside the tree below which the inputs of a script appear."""

_PROGRAMS: Final = ("setpriv", "unshare", "mount", "chroot")
_KEPT_LINES: Final = 15
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_OVERLAY_OPTIONS: Final = "index=off,metacopy=off,redirect_dir=off"
"""Without these a kernel may leave hints in the upper folder that mean something only together with its lower ones."""


class ScriptError(Exception):
    """Holds the last lines of what a failed script printed."""


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A tree made of folders: what is written goes to `upper`, all else comes from `lower`, the first one on top."""

    lower: Sequence[Path]
    upper: Path
    work: Path
    """Empty, on the file system of `upper`."""
    root: Path
    """Where the tree is mounted, seen by the script's processes only."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What runs: a script of `sh -eu`, and what of the host it is given."""

    script: str
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: Mapping[str, Path] = field(default_factory=dict)
    """Path inside the tree -> file or folder of the host."""
    writable: Mapping[str, Path] = field(default_factory=dict)


def require_root() -> None:
    """Raises MachineError where the process may not mount, or the programs for it are missing."""
    problems = []
    if os.geteuid() != 0:
        rule = "root: container images are built from mounts and from files of several owners"
        problems.append(
            Problem(path="user", value=f"uid {os.geteuid()}", rule=rule, action="run it as root (`sudo -E`)")
        )
    if missing := [program for program in _PROGRAMS if shutil.which(program) is None]:
        rule = "programs of util-linux and coreutils, which every distribution has"
        problems.append(
            Problem(
                path="PATH", value=f"no {', '.join(missing)}", rule=rule, action="install them, or add their folder"
            )
        )
    if problems:
        raise MachineError(problems)


def run(overlay: Overlay, what: Run) -> None:
    """Run the script inside the tree. Raises ScriptError."""
    command = [
        # Whoever kills this process ends the script as well, and with its namespace everything that it started.
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--uts", "--ipc"),
        *("sh", "-eu", "-c", mounting(overlay, what)),
    ]
    finished = subprocess.run(
        command,
        env={**ENVIRONMENT, **what.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if finished.returncode != 0:
        raise ScriptError("\n".join(finished.stdout.splitlines()[-_KEPT_LINES:]))


def mounting(overlay: Overlay, what: Run) -> str:
    """The script that mounts the tree and becomes the script inside it."""
    lower = ":".join(str(folder) for folder in overlay.lower)
    options = f"lowerdir={lower},upperdir={overlay.upper},workdir={overlay.work},{_OVERLAY_OPTIONS}"
    root = overlay.root
    lines = [
        _words("mount", "-t", "overlay", "overlay", "-o", options, root),
        _words("mount", "-t", "proc", "proc", f"{root}/proc"),
        _words("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/run"),
        _words("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{root}/tmp"),  # noqa: S108 - the tree's own
        *(_bind(source, f"{root}{path}") for path, source in what.readable.items()),
        *(_bind(source, f"{root}{path}", writable=True) for path, source in what.writable.items()),
        _words("exec", "chroot", root, "sh", "-eu", "-c", what.script),
    ]
    return "\n".join(lines)


def _bind(source: Path, target: str, *, writable: bool = False) -> str:
    make = _words("mkdir", "-p", target) if source.is_dir() else _words("install", "-D", "/dev/null", target)
    bind = _words("mount", "--bind", source.resolve(), target)
    protect = "" if writable else " && " + _words("mount", "-o", "remount,ro,bind", target)
    return f"[ -e {shlex.quote(target)} ] || {make}; {bind}{protect}"


def _words(*words: object) -> str:
    return shlex.join(str(word) for word in words)
