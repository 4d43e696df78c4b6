"""Where numbers were taken."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """One line: processor, cores, memory, Python, and what the machine had to do already."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    cores = os.cpu_count()
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    return (
        f"{model.partition(':')[2].strip() or platform.machine()}, {cores} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load before the run {load:.1f}"
    )
