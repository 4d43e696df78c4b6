"""Two runs at once, a run killed in the middle of its creates, and what must not be deleted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sandbox.landscape import assumed
from tests.workbench import Workbench

HELD_SECONDS = 120
"""How long Azure holds back the answers; the run that waits for them is killed long before."""
PATIENCE_SECONDS = 180


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    """A project whose stateful resources are protected."""
    bench = new_workbench()
    bench.edit("ariel:class: sandbox\n", "ariel:class: sandbox\n  ariel:protect: true\n")
    bench.session().prepare(cluster=True)
    return bench


@dataclass(frozen=True)
class Killed:
    second: subprocess.CompletedProcess[str]
    """A second `up` while the first still ran."""
    unfinished: set[str]
    """Ids that stood in Azure when the first was killed."""
    pending: int
    """Creates of which the state knew only that they had been asked for."""


@pytest.fixture(scope="module")
def killed(bench: Workbench) -> Killed:
    """The first `up` ends by SIGKILL to the whole group while Azure holds back the answers to creates it has made."""
    held = {"match": {"method": "GET", "path": "*/operationStatuses/*"}, "action": "delay", "seconds": HELD_SECONDS}
    bench.arm(method="PUT", path="faults", body={"rules": [{**held, "times": 1000}]})
    with bench.started("up", "--json") as first:
        wait_for(lambda: any("/networkSecurityGroups/" in write for write in bench.arm_writes()), first)
        second = bench.ariel("up", "--json")
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    bench.arm(method="DELETE", path="faults")
    return Killed(second, bench.arm_ids(), len(bench.session().engine.state().pending))


@pytest.fixture(scope="module")
def resumed(bench: Workbench, killed: Killed) -> subprocess.CompletedProcess[str]:
    return bench.ariel("up", "--json")


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_of_two_runs_at_once_the_second_is_told_and_does_nothing(killed: Killed) -> None:
    assert killed.second.returncode == 1
    assert killed.second.stdout == ""
    assert "Traceback" not in killed.second.stderr
    for part in ("error stack local", "one update of a stack at a time", "wait for the other one to end"):
        assert part in killed.second.stderr


def test_a_killed_run_really_was_in_the_middle_of_a_create(killed: Killed) -> None:
    assert killed.pending > 0
    assert killed.unfinished


def test_after_a_kill_the_next_up_makes_the_rest(resumed: subprocess.CompletedProcess[str], bench: Workbench) -> None:
    assert resumed.returncode == 0, resumed.stderr
    assert set(json.loads(resumed.stdout)["summary"]) <= {"create", "same", "update", "import"}
    assert json.loads(bench.ariel("up", "--json").stdout)["summary"].keys() == {"same"}


def test_after_a_kill_azure_holds_nothing_twice_and_nothing_that_the_state_does_not_know(
    resumed: subprocess.CompletedProcess[str], killed: Killed, bench: Workbench
) -> None:
    known = {r["id"].lower() for r in bench.resources() if r["type"].startswith("azure-native:") and "id" in r}
    known |= {other.id.lower() for other in assumed(bench.session().settings)}
    assert {i for i in killed.unfinished if i.lower() not in known} == set()


def test_what_a_stack_protects_is_not_destroyed(resumed: subprocess.CompletedProcess[str], bench: Workbench) -> None:
    before = bench.arm_ids()
    refused = bench.ariel("destroy")
    assert refused.returncode == 1
    for resource in ("database", "platform-vault", "task-logs", "cluster"):
        assert resource in refused.stderr
    assert "protect" in refused.stderr
    assert bench.arm_ids() == before
