"""The processes of pods, as this machine sees them: which there are, when they began, what memory they take."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_CONTAINER: Final = re.compile(r"/pod([0-9a-f]{8}-[0-9a-f-]{27})/([0-9a-f]{64})$", re.MULTILINE)
_NOT_THE_CONTAINERS: Final = ("pause", "runc")
"""Names of what holds a pod's namespaces, and of what a container's first process is before it becomes itself."""


def pod_of(cgroups: str) -> str | None:
    """Uid of the pod that a process with these control groups (`/proc/<pid>/cgroup`) is in."""
    found = _CONTAINER.search(cgroups)
    return found[1] if found else None


def processes(known: frozenset[int] = frozenset()) -> Iterator[tuple[str, int]]:
    """(uid of the pod, process) of all that pods' containers run; the pod's own `pause` is left out."""
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal() or (pid := int(folder.name)) in known:
            continue
        try:
            pod = pod_of((folder / "cgroup").read_text())
            if pod and not (folder / "comm").read_text().startswith(_NOT_THE_CONTAINERS):
                yield pod, pid
        except (FileNotFoundError, ProcessLookupError):
            continue


def by_pod() -> dict[str, list[int]]:
    """Uid of each pod -> its processes."""
    found = defaultdict(list)
    for pod, pid in processes():
        found[pod].append(pid)
    return dict(found)


def started(pid: int) -> float:
    """When the process began, in seconds since the epoch, to a hundredth. Raises FileNotFoundError once it is gone."""
    since_boot = start_ticks((_PROC / str(pid) / "stat").read_text()) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def start_ticks(stat: str) -> int:
    """Field 22 of `/proc/<pid>/stat`; the second one, the name, may hold spaces and brackets."""
    return int(stat.rpartition(")")[2].split()[19])


def proportional_bytes(pid: int) -> int:
    """Memory of the process; a page that n processes share counts 1/n (PSS). 0 once it is gone."""
    try:
        return pss((_PROC / str(pid) / "smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0


def pss(smaps: str) -> int:
    """Bytes, from the text of `smaps_rollup`."""
    return sum(int(line.split()[1]) * 1024 for line in smaps.splitlines() if line.startswith("Pss:"))
