"""What people and pipelines rely on of the command: exit status, streams, and that it does nothing it should not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cli.workspace import stack_file
from tests.workbench import Workbench

PARTS = ("error ", "rule:", "action:")
ENERGY = (
    *("tenant", "add", "energy", "--owner", "energy-lead@contoso.com"),
    *("--group-id", "44444444-4444-4444-8444-444444444403", "--repository", "https://git.contoso.com/energy/dags.git"),
)


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    return new_workbench()


def refused(answer: CompletedProcess[str], status: int) -> str:
    """The message of a command that refused as it should: nothing on stdout, no Python on stderr."""
    assert answer.returncode == status, answer.stderr
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    return answer.stderr


def test_a_broken_stack_file_reports_every_problem_and_starts_nothing(new_workbench: Callable[[], Workbench]) -> None:
    bench = new_workbench()
    bench.edit("ariel:organisation: contoso", "ariel:organisation: Contoso Ltd.")
    bench.edit("    weather:\n", "    kube-system:\n")
    bench.edit("ariel:contact:", "ariel:kontakt:")
    for verb in ("preview", "up", "destroy"):
        message = refused(bench.ariel(verb, "--json"), 1)
        for place in ("organisation", "tenants.kube-system", "kontakt"):
            assert place in message
        assert all(message.count(part) >= 3 for part in PARTS)
    assert not (bench.root / ".ariel").exists()


@pytest.mark.parametrize("verb", ["preview", "up", "destroy", "status", "down"])
def test_a_stack_that_has_no_file_is_wrong_usage(bench: Workbench, verb: str) -> None:
    message = refused(bench.ariel(verb, "--stack", "lokal"), 2)
    assert "lokal" in message
    assert "dev, local, prod" in message


def test_a_folder_without_a_project_is_wrong_usage(bench: Workbench, tmp_path: Path) -> None:
    message = refused(bench.ariel("up", cwd=tmp_path), 2)
    assert str(tmp_path) in message
    assert all(part in message for part in PARTS)


@pytest.mark.parametrize("arguments", [("up", "--jsn"), ("upp",), ("path",), ("path", "terraform"), ("tenant", "add")])
def test_a_mistyped_command_is_wrong_usage(bench: Workbench, arguments: tuple[str, ...]) -> None:
    refused(bench.ariel(*arguments), 2)


def test_a_folder_below_the_project_works_on_the_project(bench: Workbench) -> None:
    below = bench.root / "notes" / "today"
    below.mkdir(parents=True)
    answer = bench.ariel("tenant", "list", "--json", cwd=below)
    assert answer.returncode == 0, answer.stderr
    assert list(json.loads(answer.stdout)) == ["weather", "mobility"]


def test_a_stack_that_was_never_up_has_a_status_and_no_kubeconfig(bench: Workbench) -> None:
    answer = bench.ariel("status", "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {"components": [{"name": "arm", "ready": False}], "tenants": []}
    assert "ariel up --stack local" in refused(bench.ariel("kubeconfig"), 2)


def test_a_tool_has_a_path_that_runs(bench: Workbench, tools: dict[str, Path]) -> None:
    for tool in ("pulumi", "kubectl", "helm"):
        answer = bench.ariel("path", tool)
        assert answer.returncode == 0, answer.stderr
        assert os.access(answer.stdout.rstrip("\n"), os.X_OK)


def test_a_refused_tenant_leaves_the_stack_file_as_it_was(bench: Workbench) -> None:
    before = stack_file(bench.root, "local").read_bytes()
    refused(bench.ariel("tenant", "add", "Bad_Slug", *ENERGY[3:]), 1)
    refused(bench.ariel("tenant", "remove", "wether"), 2)
    assert stack_file(bench.root, "local").read_bytes() == before


def test_two_checkouts_previewed_at_the_same_time_do_not_disturb_each_other(
    new_workbench: Callable[[], Workbench], bench: Workbench
) -> None:
    other = new_workbench()
    assert other.ariel(*ENERGY).returncode == 0
    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(lambda one: one.ariel("preview", "--json"), (bench, other))
    for answer in (mine, theirs):
        assert answer.returncode == 0, answer.stderr
    urns = [{step["urn"] for step in json.loads(answer.stdout)["steps"]} for answer in (mine, theirs)]
    assert urns[0] < urns[1]
    assert all("energy" in urn for urn in urns[1] - urns[0])
    assert {urn for urn in urns[0] if "energy" in urn} == set()
