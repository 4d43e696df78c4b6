"""What the running platform does in seconds and MiB, beside the goals."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from tests.bench import database, delivery, footprint, parsing, runs, secrets
from tests.bench.machine import machine
from tests.bench.project import Project
from tests.bench.result import Result, table
from tests.bench.room import make_room
from tests.bench.side import STACK
from tests.cluster.running_platform import RunningPlatform
from tests.workbench import Workbench

MEASURES: Final[Mapping[str, Callable[[RunningPlatform], Iterator[Result]]]] = {
    "footprint": footprint.measure,
    "runs": runs.measure,
    "secrets": secrets.measure,
    "delivery": delivery.measure,
    "parsing": parsing.measure,
    "database": database.measure,
}
"""In this order: first what is measured idle, last what ends the database."""

out = Console(width=120, highlight=False)


def main(measures: Sequence[str], tenants: int, project: Path | None) -> None:
    out.print(machine())
    begun = time.monotonic()
    with running(project, tenants) as platform:
        for name in MEASURES:
            if name in measures:
                with out.status(name):
                    results = list(MEASURES[name](platform))
                out.print(table(results))
    out.print(f"measured in {time.monotonic() - begun:.0f} s")


@contextmanager
def running(project: Path | None, tenants: int) -> Iterator[RunningPlatform]:
    """The platform of a folder, kept as it is, or one of its own, which is removed."""
    if project:
        yield RunningPlatform(Workbench(project))
        return
    with tempfile.TemporaryDirectory(prefix="ariel-bench-") as folder:
        Project(Path(folder), tenants)
        workbench = Workbench(Path(folder))
        try:
            with out.status(f"ariel up, {tenants} tenants"):
                workbench.session(STACK).prepare(cluster=True)
                make_room(workbench)
                made = workbench.ariel("up", "--stack", STACK)
            if made.returncode:
                raise RuntimeError(f"the platform did not come up:\n{made.stdout}\n{made.stderr}")
            yield RunningPlatform(workbench)
        finally:
            workbench.remove()
