"""What this machine has and lacks for the sandbox: each check looks only, and says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sandbox import paths, ports, toolchain
from sandbox.cluster import preflight
from sandbox.cluster.chosen import ChosenCluster
from sandbox.cluster.preflight import Check
from sandbox.lifecycle import CLUSTER_TOOLS, NODE_TOOLS, NODE_VARIABLE, Sandbox
from sandbox.processes import OwnedProcess
from sandbox.rootfs import debian, debootstrap, statsd
from sandbox.toolchain import gobuild, on_path
from sandbox.toolchain.download import Downloads
from sandbox.toolchain.tool import GoProgram, Tool
from sandbox.toolchain.version import Version
from stacks.errors import MachineError

MINIMUM_PYTHON: Final = (3, 11)
MACHINES: Final = ("x86_64", "aarch64")
_GIB: Final = 1 << 30
CACHE_BYTES: Final = 8 * _GIB
"""Building every tool from source leaves about 4 GiB in the Go build cache and 2.8 GiB of modules."""
PROJECT_BYTES: Final = 2 * _GIB
MEMORY_BYTES: Final = 2 * _GIB
"""Linking the largest tool takes 1.8 GiB; the running sandbox takes 0.5 GiB."""
MINIMUM_NODE_JS: Final = Version(18, 0, 0)
"""Of the blob storage, Azurite (`engines` in its package.json)."""
_PROGRAMS: Final = {"git": "git", "setpriv": "util-linux", "chroot": "coreutils"}
"""Program -> Debian's package: beside those that the cluster's node itself needs."""
_CLOCK_SLACK_SECONDS: Final = 60.0
_OWN_SERVICE: Final = b"sandbox.arm"


def examine(project: Path) -> Iterator[Check]:
    """All checks for the checkout at `project`, each as soon as it is known."""
    yield _python()
    yield _machine()
    sandboxes = [Sandbox(project, folder.name) for folder in sorted((project / ".ariel").glob("*/"))]
    chosen = {one.paths.stack: cluster for one in sandboxes if (cluster := one.chosen)}
    # A checkout whose sandboxes all live in clusters of somebody else makes none.
    elsewhere = bool(chosen) and len(chosen) == len(sandboxes)
    with_node = not elsewhere and os.environ.get(NODE_VARIABLE) != "off"
    unused = (*(() if with_node else NODE_TOOLS), *(CLUSTER_TOOLS if elsewhere else ()))
    wanted = {name: tool for name, tool in toolchain.TOOLS.items() if name not in unused}
    located = {name: toolchain.located(tool) for name, tool in wanted.items()}
    missing = [toolchain.TOOLS[name] for name, file in located.items() if file is None]
    downloads = Downloads()
    unreachable = [tool.name for tool in missing if not downloads.reachable(tool)]
    built = [name for name in unreachable if isinstance(toolchain.TOOLS[name].source, GoProgram)]
    for name, file in located.items():
        yield _tool(toolchain.TOOLS[name], file, name in unreachable)
    if with_node and not statsd.executable().exists():
        built.append("statsd-exporter")
    yield _go(built)
    yield _space("space of the cache", paths.cache(), CACHE_BYTES)
    yield _space("space of the project", project, PROJECT_BYTES)
    yield _memory()
    yield _loopback()
    if with_node:
        yield from preflight.checks(project / ".ariel", located["nft"])
        yield from (_programs(), _node_js(), _debian())
    elif not elsewhere:
        yield _without_node()
    yield from (_chosen(stack, cluster) for stack, cluster in chosen.items())
    yield _writable("write access to the cache", paths.cache())
    yield _writable("write access to the project", project)
    yield _stopped_processes(project)
    yield _orphans()
    yield _clock(project)


def _python() -> Check:
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return Check.of(
        "python",
        sys.version_info >= MINIMUM_PYTHON,
        f"{platform.python_version()} ({sys.executable})",
        f"Python {wanted} or newer",
        f"install Python {wanted} (Debian, Ubuntu: `sudo apt install python3 python3-venv`)",
    )


def _machine() -> Check:
    return Check.of(
        "machine",
        sys.platform == "linux" and platform.machine() in MACHINES,
        f"{platform.system()} {platform.machine()}",
        f"Linux on {' or '.join(MACHINES)}",
        "use a Linux machine, virtual machine or container for the sandbox",
    )


def _tool(tool: Tool, file: Path | None, unreachable: bool) -> Check:
    rule = f"{tool.accepted} on PATH, or in the cache: downloaded, built or from Debian"
    if file is not None:
        return Check.of(f"tool {tool.name}", True, str(file), rule, "")
    finding = on_path.look(tool)
    other = f"; {finding.file} is {finding.version or 'of no released version'}" if finding.file else ""
    return Check.of(
        f"tool {tool.name}",
        not unreachable or _source_serves(tool),
        f"not there yet, would be {_coming(tool) if unreachable else 'downloaded'}{other}",
        rule,
        f"install {_maker(tool)}, or {tool.name}; `python -m sandbox.toolchain {tool.name}` then fetches it",
    )


def _coming(tool: Tool) -> str:
    return "built from its Go module" if isinstance(tool.source, GoProgram) else "unpacked from Debian"


def _maker(tool: Tool) -> str:
    return "Go" if isinstance(tool.source, GoProgram) else "apt"


def _source_serves(tool: Tool) -> bool:
    return _go_fits() if isinstance(tool.source, GoProgram) else shutil.which("apt-get") is not None


def _go_fits() -> bool:
    version = gobuild.go_version()
    return version is not None and version >= gobuild.MINIMUM_GO


def _go(built: list[str]) -> Check:
    version = gobuild.go_version()
    need = f"needed for {', '.join(built)}" if built else "not needed: every tool is there or can be had"
    return Check.of(
        "go",
        not built or _go_fits(),
        f"{version or 'none on PATH'}; {need}",
        f"Go {gobuild.MINIMUM_GO} or newer where tools are missing and cannot be downloaded",
        "install Go (https://go.dev/doc/install) and put it on PATH",
    )


def _programs() -> Check:
    lacking = [program for program in _PROGRAMS if shutil.which(program) is None]
    return Check.of(
        "pods: programs of the machine",
        not lacking,
        f"not on PATH: {', '.join(lacking)}" if lacking else "all there",
        f"{', '.join(_PROGRAMS)} on PATH: images, databases and repositories are made with them",
        f"install them (Debian, Ubuntu: `sudo apt install {' '.join(_PROGRAMS[program] for program in lacking)}`)",
    )


def _node_js() -> Check:
    lacking = [program for program in ("node", "npm") if shutil.which(program) is None]
    version = None if "node" in lacking else _node_js_version()
    found = f"node {version or 'of unknown version'}"
    return Check.of(
        "pods: Node.js",
        not lacking and version is not None and version >= MINIMUM_NODE_JS,
        f"not on PATH: {', '.join(lacking)}" if lacking else found,
        f"Node.js {MINIMUM_NODE_JS} or newer with npm, for the emulated blob storage (Azurite)",
        "install it (Debian, Ubuntu: `sudo apt install nodejs npm`, or https://nodejs.org)",
    )


def _node_js_version() -> Version | None:
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return Version.first_in(answer.stdout)


def _debian() -> Check:
    """What the bottom of every image is made with; the rest of an image needs Debian's packages only."""
    rule = "debootstrap and Debian's keys, or apt-get and dpkg-deb to have them"
    if debian.BASE.folder.exists():
        return Check.of("pods: Debian's base system", True, f"in the cache: {debian.BASE.folder}", rule, "")
    own = shutil.which("debootstrap") is not None and debootstrap.KEYRING.is_file()
    way = ("debootstrap",) if own else ("apt-get", "dpkg-deb")
    lacking = [program for program in way if shutil.which(program) is None]
    return Check.of(
        "pods: Debian's base system",
        not lacking,
        f"missing: {', '.join(lacking)}" if lacking else f"not there yet, would be made with {', '.join(way)}",
        rule,
        "install them (Debian, Ubuntu: `sudo apt install debootstrap debian-archive-keyring`)",
    )


def _without_node() -> Check:
    return Check.of("node", True, f"none, since {NODE_VARIABLE}=off: pods stay pending", "root, unless it is off", "")


def _chosen(stack: str, cluster: ChosenCluster) -> Check:
    rule = "answers, and is the one that was chosen"
    try:
        cluster.require()
    except MachineError as error:
        (problem,) = error.problems
        return Check.of(f"cluster of {stack}", False, problem.value, rule, problem.action)
    return Check.of(f"cluster of {stack}", True, f"{cluster.server}, not of the sandbox's own", rule, "")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _space(name: str, folder: Path, wanted: int) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    return Check.of(
        name,
        free >= wanted,
        f"{free / _GIB:.1f} GiB free at {folder}",
        f"{wanted / _GIB:.0f} GiB free",
        "free some space" + (", or name another folder in ARIEL_CACHE" if folder == paths.cache() else ""),
    )


def _memory() -> Check:
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return Check.of(
        "memory",
        available >= MEMORY_BYTES,
        f"{available / _GIB:.1f} GiB available",
        f"{MEMORY_BYTES / _GIB:.0f} GiB available",
        "end programs that are not needed",
    )


def _loopback() -> Check:
    sample = ports.RANGE[:: len(ports.RANGE) // 50]
    free = sum(not ports.busy(port) for port in sample)
    return Check.of(
        "loopback ports",
        free > 0,
        f"{free} of {len(sample)} tried are free",
        f"some port of 127.0.0.1 between {ports.RANGE.start} and {ports.RANGE.stop - 1} can be listened on",
        "bring the loopback interface up (`ip link set lo up`) and end programs that hold its ports",
    )


def _writable(name: str, folder: Path) -> Check:
    existing = _existing(folder)
    return Check.of(
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
    return Check.of(
        "processes of this checkout",
        not ended,
        f"{len(records) - len(ended)} running" + (f", ended unasked: {', '.join(ended)}" if ended else ""),
        "what was started runs until `ariel down`",
        "read the log beside the record, then start again with `ariel up`, or clear up with `ariel down`",
    )


def _orphans() -> Check:
    orphans = [entry.name for entry in Path("/proc").glob("[0-9]*") if _inspect(entry, _is_orphan)]
    return Check.of(
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
    return Check.of(
        "clock",
        now > newest - _CLOCK_SLACK_SECONDS,
        time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)),
        "not before the files of this checkout were made; certificates and tokens are checked against it",
        "set the clock (`timedatectl`)",
    )
