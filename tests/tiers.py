"""Runs the test tiers one after another and ends with one summary. `make test`, `make test TIERS="unit engine"`.

A tier is a folder of `tests/`. Exit status 0 only when every chosen tier ran at least one test and none failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
TIERS = {
    "unit": "settings, names, the recorded resource graph and its rules",
    "engine": "the real engine, the emulated ARM, a real API server",
    "cluster": "a node, PostgreSQL, PgBouncer and Airflow; runs of two tenants, attacks, rotation; needs root",
}

PARALLEL = dict.fromkeys(("unit", "engine"), ("--numprocesses=2", "--dist=loadfile"))
"""The tier `cluster` has one platform for most of its tests, which uses both cores by itself."""


@dataclass(frozen=True)
class Result:
    tier: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    status: int

    @property
    def good(self) -> bool:
        return self.status == 0 and self.passed > 0


def main(chosen: list[str]) -> int:
    """0 when every chosen tier ran and passed, 1 when not, 2 for a tier that does not exist."""
    unknown = [tier for tier in chosen if tier not in TIERS]
    if unknown:
        print(
            f"error TIERS: {' '.join(unknown)}\n  rule:   one or more of {' '.join(TIERS)}\n"
            f'  action: make test TIERS="{" ".join(TIERS)}"',
            file=sys.stderr,
        )
        return 2
    results = [run(tier) for tier in chosen or TIERS]
    summarise(results)
    return 0 if all(result.good for result in results) else 1


def run(tier: str) -> Result:
    """One tier in a process of its own, its output passed through."""
    print(f"\n== tier {tier}: {TIERS[tier]}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ("--quiet", f"--junitxml={report}", *PARALLEL.get(tier, ()))
        command = [sys.executable, "-m", "pytest", f"tests/{tier}", *options]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        counts = count(report) if report.exists() else {}
    return Result(
        tier=tier,
        passed=counts.get("passed", 0),
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0),
        seconds=time.monotonic() - begun,
        status=status,
    )


def count(report: Path) -> dict[str, int]:
    """Passed, failed (with errors) and skipped tests of a JUnit report that pytest has just written."""
    suite = ElementTree.parse(report).getroot().find("testsuite")  # noqa: S314 - our own file
    assert suite is not None
    number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    failed = number["failures"] + number["errors"]
    return {
        "passed": number["tests"] - failed - number["skipped"],
        "failed": failed,
        "skipped": number["skipped"],
    }


def summarise(results: list[Result]) -> None:
    """The table, then one plain line that a pipeline can read."""
    table = Table(title="tests per tier", title_justify="left")
    for column in ("tier", "passed", "failed", "skipped", "seconds", ""):
        table.add_column(column)
    for result in results:
        verdict = "ok" if result.good else "no test ran" if not result.passed and not result.failed else "FAILED"
        numbers = (result.passed, result.failed, result.skipped)
        table.add_row(result.tier, *map(str, numbers), f"{result.seconds:.0f}", verdict)
    Console().print(table)
    passed, failed, skipped = (
        sum(getattr(result, kind) for result in results) for kind in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed, {skipped} skipped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
