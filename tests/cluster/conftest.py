"""What the cluster tier runs on: root, a kernel that can hold a node, and one platform for all tests that need one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from sandbox.paths import REPOSITORY
from tests.cluster.pgbouncer_bed import Bed
from tests.cluster.running_platform import STACK, RunningPlatform
from tests.workbench import Workbench

PROJECT = "ARIEL_TEST_PROJECT"
"""Folder of a project whose platform runs already and is kept: for writing tests, where a start each time is long."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure comes with what the pods of the platform, or the processes of a PgBouncer, said meanwhile."""
    report = yield
    if report.failed and isinstance(running := item.funcargs.get("platform"), RunningPlatform):
        try:
            troubles = running.troubles(call.start)
        except subprocess.SubprocessError as error:
            troubles = f"the cluster gives no answer: {error}"
        report.sections.append(("the platform's pods", troubles))
    if report.failed and isinstance(bed := item.funcargs.get("bed"), Bed):
        report.sections.append(("PgBouncer and its neighbours", bed.said()))
    return report


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """The platform with its two shipped tenants, after `ariel up` as a person runs it."""
    kept = os.environ.get(PROJECT)
    root = Path(kept) if kept else tmp_path_factory.mktemp("platform")
    workbench = Workbench(root)
    if not kept:
        for file in ("Pulumi.yaml", f"Pulumi.{STACK}.yaml"):
            shutil.copy(REPOSITORY / file, root / file)
        made = workbench.ariel("up", "--stack", STACK)
        if made.returncode != 0:
            said = f"{made.stdout}\n{made.stderr}"
            workbench.remove()
            pytest.fail(f"the platform did not come up:\n{said}")
    yield RunningPlatform(workbench)
    if not kept:
        workbench.remove()
