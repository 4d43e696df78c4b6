"""What the program costs per resource, against a bare program with the same resources."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.paths import REPOSITORY
from tests.bench.machine import machine
from tests.bench.project import Measured, Project

FEW, MANY = 2, 20
GOAL = "goals: ratio at most 1.3; from 2 to 20 tenants within 15 % per resource"
out = Console(width=120, highlight=False)


@dataclass
class Series:
    """Runs with one number of tenants; verb -> seconds per resource, one per round."""

    tenants: int
    resources: dict[str, int] = field(default_factory=dict)
    """Side -> how many the engine counts."""
    ours: dict[str, list[float]] = field(default_factory=dict)
    bare: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, verb: str) -> float:
        """Median over the rounds of ours / bare; each pair ran back to back."""
        return statistics.median(a / b for a, b in zip(self.ours[verb], self.bare[verb], strict=True))


def main(rounds: int) -> None:
    out.print(machine())
    started = time.monotonic()
    imports = {"ours": import_seconds("infra.program"), "bare": import_seconds("tests.bench.bare")}
    out.print(f"import of the program: ours {imports['ours']:.2f} s, bare {imports['bare']:.2f} s")
    series = [run(tenants, rounds) for tenants in (FEW, MANY)]
    out.print(table(series))
    for verb in ("preview", "up"):
        few, many = (statistics.median(one.ours[verb]) for one in series)
        out.print(f"{verb}: per resource, {MANY} tenants / {FEW} tenants = {many / few:.2f}")
    out.print(f"{GOAL}\nmeasured in {time.monotonic() - started:.0f} s, {rounds} round(s)")


def run(tenants: int, rounds: int) -> Series:
    series = Series(tenants)
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="ariel-bench-") as folder:
            project = Project(Path(folder), tenants)
            for side, verbs in (("ours", ("preview", "up", "no-op")), ("bare", ("preview", "up", "no-op"))):
                with project.sandbox():
                    measured = {verb: timed(project, side, verb, number) for verb in verbs}
                    if side == "ours":
                        project.record()
                series.resources[side] = measured["up"].resources
                kept = series.ours if side == "ours" else series.bare
                for verb, one in measured.items():
                    kept.setdefault(verb, []).append(one.seconds / one.resources)
    return series


def timed(project: Project, side: str, verb: str, number: int) -> Measured:
    with out.status(f"round {number + 1}: {side}, {verb}"):
        measured = project.measure(side, "up" if verb == "no-op" else verb)
    out.print(f"  {side} {verb}: {measured.seconds:.1f} s {measured.summary}")
    return measured


def table(series: list[Series]) -> Table:
    made = Table(title="milliseconds per resource", title_justify="left")
    for column in ("tenants", "resources ours", "bare", "run", "ours", "bare", "ours / bare"):
        made.add_column(column, justify="right")
    for one in series:
        for verb in one.ours:
            seconds = [statistics.median(side[verb]) for side in (one.ours, one.bare)]
            cells = (
                one.tenants,
                one.resources["ours"],
                one.resources["bare"],
                verb,
                *(f"{each * 1000:.0f}" for each in seconds),
            )
            made.add_row(*map(str, cells), f"{one.ratio(verb):.2f}")
    return made


def import_seconds(module: str) -> float:
    """Median of three starts of Python with that module, less those without."""

    def start(code: str) -> float:
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
        return time.monotonic() - begun

    return statistics.median(start(f"import {module}") - start("pass") for _ in range(3))
