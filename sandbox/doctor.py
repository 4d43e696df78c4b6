"""What this machine has and lacks for the sandbox: each check looks only, and says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sandbox import paths, ports, toolchain
from sandbox.processes import OwnedProcess
from sandbox.toolchain import gobuild, on_path
from sandbox.toolchain.download import Downloads
from sandbox.toolchain.tool import Tool

MINIMUM_PYTHON: Final = (3, 11)
MACHINES: Final = ("x86_64", "aarch64")
_GIB: Final = 1 << 30
CACHE_BYTES: Final = 8 * _GIB
"""Building every tool from source leaves about 4 GiB in the Go build cache and 2.8 GiB of modules."""
PROJECT_BYTES: Final = 2 * _GIB
MEMORY_BYTES: Final = 2 * _GIB
"""Linking the largest tool takes 1.8 GiB; the running sandbox takes 0.5 GiB."""
_CLOCK_SLACK_SECONDS: Final = 60.0
_OWN_SERVICE: Final = b"sandbox.arm"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule, what was found, and what to do when it does not hold (empty when it does)."""

    name: str
    ok: bool
    found: str
    rule: str
    action: str


def examine(project: Path) -> Iterator[Check]:
    """All checks for the checkout at `project`, each as soon as it is known."""
    yield _python()
    yield _machine()
    located = {name: toolchain.located(tool) for name, tool in toolchain.TOOLS.items()}
    missing = [toolchain.TOOLS[name] for name, file in located.items() if file is None]
    downloads = Downloads()
    unreachable = [tool.name for tool in missing if not downloads.reachable(tool)]
    for name, file in located.items():
        yield _tool(toolchain.TOOLS[name], file, name in unreachable)
    yield _go(unreachable)
    yield _space("space of the cache", paths.cache(), CACHE_BYTES)
    yield _space("space of the project", project, PROJECT_BYTES)
    yield _memory()
    yield _loopback()
    yield _writable("write access to the cache", paths.cache())
    yield _writable("write access to the project", project)
    yield _stopped_processes(project)
    yield _orphans()
    yield _clock(project)


def _check(name: str, ok: bool, found: str, rule: str, action: str) -> Check:
    return Check(name=name, ok=ok, found=found, rule=rule, action="" if ok else action)


def _python() -> Check:
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return _check(
        "python",
        sys.version_info >= MINIMUM_PYTHON,
        f"{platform.python_version()} ({sys.executable})",
        f"Python {wanted} or newer",
        f"install Python {wanted} (Debian, Ubuntu: `sudo apt install python3 python3-venv`)",
    )


def _machine() -> Check:
    return _check(
        "machine",
        sys.platform == "linux" and platform.machine() in MACHINES,
        f"{platform.system()} {platform.machine()}",
        f"Linux on {' or '.join(MACHINES)}",
        "use a Linux machine, virtual machine or container for the sandbox",
    )


def _tool(tool: Tool, file: Path | None, unreachable: bool) -> Check:
    rule = f"{tool.accepted} on PATH, or {tool.version} in the cache, downloaded or built"
    if file is not None:
        return _check(f"tool {tool.name}", True, str(file), rule, "")
    finding = on_path.look(tool)
    other = f"; {finding.file} is {finding.version or 'of no released version'}" if finding.file else ""
    coming = "would be built from its Go module" if unreachable else "would be downloaded"
    return _check(
        f"tool {tool.name}",
        not unreachable or _go_fits(),
        f"not there yet, {coming}{other}",
        rule,
        f"install Go, or {tool.name}; `python -m sandbox.toolchain {tool.name}` then fetches it",
    )


def _go_fits() -> bool:
    version = gobuild.go_version()
    return version is not None and version >= gobuild.MINIMUM_GO


def _go(unreachable: list[str]) -> Check:
    version = gobuild.go_version()
    need = f"needed for {', '.join(unreachable)}" if unreachable else "not needed: every tool is there or can be had"
    return _check(
        "go",
        not unreachable or _go_fits(),
        f"{version or 'none on PATH'}; {need}",
        f"Go {gobuild.MINIMUM_GO} or newer where tools are missing and cannot be downloaded",
        "install Go (https://go.dev/doc/install) and put it on PATH",
    )


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _space(name: str, folder: Path, wanted: int) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    return _check(
        name,
        free >= wanted,
        f"{free / _GIB:.1f} GiB free at {folder}",
        f"{wanted / _GIB:.0f} GiB free",
        "free some space" + (", or name another folder in ARIEL_CACHE" if folder == paths.cache() else ""),
    )


def _memory() -> Check:
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return _check(
        "memory",
        available >= MEMORY_BYTES,
        f"{available / _GIB:.1f} GiB available",
        f"{MEMORY_BYTES / _GIB:.0f} GiB available",
        "end programs that are not needed",
    )


def _loopback() -> Check:
    sample = ports.RANGE[:: len(ports.RANGE) // 50]
    free = sum(not ports.busy(port) for port in sample)
    return _check(
        "loopback ports",
        free > 0,
        f"{free} of {len(sample)} tried are free",
        f"some port of 127.0.0.1 between {ports.RANGE.start} and {ports.RANGE.stop - 1} can be listened on",
        "bring the loopback interface up (`ip link set lo up`) and end programs that hold its ports",
    )


def _writable(name: str, folder: Path) -> Check:
    existing = _existing(folder)
    return _check(
        name,
        os.access(existing, os.W_OK | os.X_OK),
        f"{existing}, as user {os.getuid()}",
        f"{folder} can be written",
        "change the owner of the folder" + (", or name another in ARIEL_CACHE" if folder == paths.cache() else ""),
    )


def _stopped_processes(project: Path) -> Check:
    records = sorted((project / ".ariel").glob("*/run/*.json")) + sorted(
        (project / ".ariel").glob("*/cluster/run/*.json")
    )
    ended = [str(record) for record in records if not OwnedProcess(record.stem, record, record).running()]
    return _check(
        "processes of this checkout",
        not ended,
        f"{len(records) - len(ended)} running" + (f", ended unasked: {', '.join(ended)}" if ended else ""),
        "what was started runs until `ariel down`",
        "read the log beside the record, then start again with `ariel up`, or clear up with `ariel down`",
    )


def _orphans() -> Check:
    orphans = [entry.name for entry in Path("/proc").glob("[0-9]*") if _inspect(entry, _is_orphan)]
    return _check(
        "processes of removed checkouts",
        not orphans,
        f"running in a folder that is gone: {', '.join(orphans)}" if orphans else "none",
        "every process of a sandbox has its folder",
        f"end them: `kill {' '.join(orphans)}`",
    )


def _inspect(entry: Path, rule: Callable[[Path], bool]) -> bool:
    try:
        return rule(entry)
    except OSError:
        return False  # Ended meanwhile, or another user's: not ours to judge.


def _is_orphan(entry: Path) -> bool:
    if not str((entry / "cwd").readlink()).endswith(" (deleted)"):
        return False
    from_cache = (entry / "exe").readlink().is_relative_to(paths.cache())
    return from_cache or _OWN_SERVICE in (entry / "cmdline").read_bytes().split(b"\0")


def _clock(project: Path) -> Check:
    made = [Path(__file__), *(project / ".ariel").glob("*/cluster/pki/ca.crt")]
    newest = max(file.stat().st_mtime for file in made)
    now = time.time()
    return _check(
        "clock",
        now > newest - _CLOCK_SLACK_SECONDS,
        time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)),
        "not before the files of this checkout were made; certificates and tokens are checked against it",
        "set the clock (`timedatectl`)",
    )
