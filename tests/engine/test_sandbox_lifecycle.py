"""The sandbox of a stack: Azure keeps its data, checkouts do not meet, and the engine finds what it needs."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from sandbox import arm_server
from sandbox.lifecycle import Sandbox

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-kept"
VERSION = {"api-version": "2025-04-01"}
Make = Callable[..., Sandbox]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Sandbox] = []

    def sandbox(checkout: str = "one", stack: str = "local") -> Sandbox:
        made.append(Sandbox(tmp_path / checkout, stack))
        return made[-1]

    yield sandbox
    for one in made:
        one.wipe()


def test_a_preview_gets_azure_without_a_cluster(make: Make) -> None:
    sandbox = make()
    sandbox.start(cluster=False)
    assert [(part.name, part.ready) for part in sandbox.status()] == [("arm", True)]


def test_a_second_start_leaves_the_running_service_alone(make: Make) -> None:
    make().start(cluster=False)
    first = make().arm.process.identity()
    make().start(cluster=False)
    assert make().arm.process.identity() == first


def test_a_service_of_older_code_does_not_answer_for_a_newer_checkout(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make().start(cluster=False)
    first = make().arm.process.identity()
    monkeypatch.setattr(arm_server, "_code", lambda: "another revision")
    make().start(cluster=False)
    assert make().arm.process.identity() not in (first, None)


def test_another_user_of_the_machine_cannot_read_what_the_sandbox_keeps(make: Make) -> None:
    sandbox = make()
    sandbox.start(cluster=False)
    assert stat.S_IMODE(sandbox.paths.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(sandbox.paths.arm_token.stat().st_mode) == 0o600


def test_azure_keeps_its_data_its_address_and_its_token_over_a_restart(make: Make) -> None:
    sandbox = make()
    sandbox.start(cluster=False)
    created = _azure(sandbox).put(GROUP, params=VERSION, json={"location": "westeurope"})
    assert created.status_code == 201, created.text
    before = sandbox.environment()
    sandbox.stop()
    assert not sandbox.arm.process.running()
    sandbox.start(cluster=False)
    assert sandbox.environment() == before
    assert _azure(sandbox).get(GROUP, params=VERSION).json()["name"] == "rg-kept"


def test_two_checkouts_do_not_meet(make: Make) -> None:
    one, two = make("one"), make("two")
    one.start(cluster=False)
    two.start(cluster=False)
    _azure(one).put(GROUP, params=VERSION, json={"location": "westeurope"})
    assert _azure(two).get(GROUP, params=VERSION).status_code == 404
    with httpx.Client(base_url=two.arm.endpoint, headers={"Authorization": f"Bearer {one.arm.token}"}) as stranger:
        assert stranger.get(GROUP, params=VERSION).status_code == 401
    one.wipe()
    assert two.arm.ready()


def test_the_engine_finds_the_state_of_this_checkout(make: Make) -> None:
    sandbox = make()
    sandbox.start(cluster=False)
    (sandbox.paths.project / "Pulumi.yaml").write_text("name: ariel\nruntime: python\n")
    command = ["pulumi", "stack", "init", "local", "--non-interactive"]
    environment = os.environ | sandbox.environment()
    answer = subprocess.run(
        command, cwd=sandbox.paths.project, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert list(sandbox.paths.backend.rglob("local.json"))


def test_a_cluster_that_comes_later_is_the_one_that_azure_knows(make: Make) -> None:
    sandbox = make()
    sandbox.start(cluster=False)
    before = sandbox.arm.process.identity()
    sandbox.start(cluster=True)
    assert sandbox.arm.process.identity() == before
    assert all(part.ready for part in sandbox.status())
    assert {part.name for part in sandbox.status()} == {"arm", "etcd", "kube-apiserver", "kube-controller-manager"}
    command = Path(f"/proc/{before.pid if before else 0}/cmdline").read_bytes().decode().split("\0")
    assert sandbox.cluster().issuer in command
    assert str(sandbox.cluster().kubeconfig) in command
    sandbox.stop()
    assert not any(part.ready for part in sandbox.status())


def test_a_wipe_removes_everything_of_the_stack_and_nothing_of_another(make: Make) -> None:
    local, dev = make(), make(stack="dev")
    local.start(cluster=False)
    dev.start(cluster=False)
    local.wipe()
    assert not local.paths.root.exists()
    assert not local.arm.process.running()
    assert dev.arm.ready()


def _azure(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(
        base_url=sandbox.arm.endpoint, headers={"Authorization": f"Bearer {sandbox.arm.token}"}, trust_env=False
    )
