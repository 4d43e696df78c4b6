"""How long `ariel dev` takes on a new repository until every part of Airflow is healthy, and what that costs."""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console

from cli.laptop_database import DATABASE
from stacks import starter
from tests.bench.machine import machine
from tests.bench.result import Goal, Result, table
from tests.unit.cli.laptop import Dev

PARTS: Final = ("api-server", "scheduler", "dag-processor", "triggerer")
"""In the order in which they are started."""
_DAGS: Final = 3
"""Of a new repository."""

out = Console(width=120, highlight=False)


def main() -> None:
    out.print(machine())
    own = {name: value for name, value in os.environ.items() if name != DATABASE}
    with tempfile.TemporaryDirectory(prefix="ariel bench ") as folder:
        for number, choice in enumerate(({}, {DATABASE: f"sqlite:///{folder}/airflow.db"})):
            root = Path(folder) / f"repository {number}"
            starter.write(root, "harbour")
            for start in ("first start", "second start"):
                with out.status(start):
                    database, results = measured(root, {**own, **choice})
                out.print(table(results, f"{start} of `ariel dev` on {database}"))


def measured(root: Path, environment: dict[str, str]) -> tuple[str, list[Result]]:
    """Name of the database, and the numbers of one start; ends what it has started."""
    begun = time.monotonic()
    dev = Dev(root, env=environment)
    try:
        answers = time.monotonic() - begun
        dev.until(lambda: len(dev.dags()) == _DAGS and is_healthy(dev))
        ready = time.monotonic() - begun
        results = [Result("pages answer", answers, "s"), Result("ready", ready, "s", Goal(60)), *cpu(dev)]
    finally:
        dev.interrupt()
    return dev.said.partition(" on ")[2].split()[0], results


def is_healthy(dev: Dev) -> bool:
    parts = dev.get("monitor/health")
    return all(parts[name]["status"] == "healthy" for name in ("scheduler", "triggerer", "dag_processor"))


def cpu(dev: Dev) -> Iterator[Result]:
    """Seconds that each part has taken; the making of the database is with `ariel`, which waits for it."""
    by_session: dict[int, float] = defaultdict(float)
    for process in dev.processes():
        by_session[os.getsid(process.pid)] += cpu_seconds(process)
    # What comes after them is no part of the start.
    for part, session in zip(PARTS, dev.sessions(), strict=False):
        yield Result(f"  CPU of {part}", by_session[session], "s")
    yield Result("  CPU of ariel", cpu_seconds(psutil.Process(dev.process.pid)), "s")


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
