"""The doctor: sees what is missing, says what to do, and touches nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import namedtuple
from pathlib import Path

import httpx
import pytest

from sandbox import doctor
from sandbox.doctor import Check, examine
from sandbox.lifecycle import NODE_TOOLS, NODE_VARIABLE
from sandbox.processes import Identity
from sandbox.rootfs import debian, statsd
from sandbox.toolchain import TOOLS
from sandbox.toolchain.download import Downloads

Usage = namedtuple("Usage", "total used free")
NODE_CHECK = Check.of("node: rights", True, "user 0", "root", "use sudo")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tool and the base of images in the cache; no network; on PATH what pods need, and nothing else."""
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(NODE_VARIABLE, raising=False)
    (tmp_path / "bin").mkdir()
    for program, answer in {"git": "", "setpriv": "", "chroot": "", "node": "v20.19.2", "npm": "9.2.0"}.items():
        _program(tmp_path / "bin" / program, answer)
    debian.BASE.folder.mkdir(parents=True)
    statsd.executable().parent.mkdir(parents=True)
    statsd.executable().touch()
    for tool in TOOLS.values():
        file = tmp_path / "cache" / "tools" / tool.name / str(tool.version) / tool.name
        file.parent.mkdir(parents=True)
        file.touch()
    monkeypatch.setattr(doctor, "Downloads", lambda: Downloads(httpx.MockTransport(_closed)))
    # Who runs these tests need not be root.
    monkeypatch.setattr(doctor.preflight, "checks", lambda folder, nft: iter([NODE_CHECK]))


def test_a_machine_that_has_all_passes_every_check(project: Path) -> None:
    assert [check for check in examine(project) if not check.ok] == []


def test_looking_changes_nothing(project: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    list(examine(project))
    assert sorted(tmp_path.rglob("*")) == before


def test_every_check_that_fails_says_what_to_do(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    monkeypatch.setattr(doctor.debootstrap, "KEYRING", tmp_path / "no-keys")
    failed = [check for check in examine(project) if not check.ok]
    assert len(failed) == len(TOOLS) + len(("go", "Debian's base system", "space of the cache", "space of the project"))
    assert all(check.action and check.found and check.rule for check in failed)


def test_what_a_node_needs_is_looked_at_too(project: Path) -> None:
    assert NODE_CHECK in list(examine(project))


@pytest.mark.parametrize("program", ["git", "setpriv", "chroot"])
def test_a_program_that_images_and_databases_need_is_missed_before_a_build(
    project: Path, tmp_path: Path, program: str
) -> None:
    (tmp_path / "bin" / program).unlink()
    check = _by_name(project)["pods: programs of the machine"]
    assert not check.ok
    assert program in check.found
    assert "apt install" in check.action


@pytest.mark.parametrize(("program", "answer"), [("npm", None), ("node", None), ("node", "v16.20.2")])
def test_without_a_fitting_node_js_there_is_no_blob_storage(
    project: Path, tmp_path: Path, program: str, answer: str | None
) -> None:
    (tmp_path / "bin" / program).unlink()
    if answer:
        _program(tmp_path / "bin" / program, answer)
    check = _by_name(project)["pods: Node.js"]
    assert not check.ok
    assert (answer or program).removeprefix("v") in check.found


def test_no_image_is_begun_without_a_way_to_debian(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(debian.BASE.folder)
    monkeypatch.setattr(doctor.debootstrap, "KEYRING", tmp_path / "no-keys")
    name = "pods: Debian's base system"
    check = _by_name(project)[name]
    assert not check.ok
    assert "apt-get" in check.found
    _program(tmp_path / "bin" / "apt-get", "")
    _program(tmp_path / "bin" / "dpkg-deb", "")
    assert _by_name(project)[name].ok


def test_the_exporter_of_metrics_needs_go_until_it_is_built(project: Path) -> None:
    statsd.executable().unlink()
    check = _by_name(project)["go"]
    assert not check.ok
    assert "needed for statsd-exporter" in check.found


def test_who_wants_no_node_is_not_told_to_be_root(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NODE_VARIABLE, "off")
    monkeypatch.setattr(doctor.preflight, "checks", lambda folder, nft: pytest.fail("looked at what a node needs"))
    for name in ("node", "setpriv"):
        (tmp_path / "bin" / name).unlink()
    shutil.rmtree(debian.BASE.folder)
    statsd.executable().unlink()
    for tool in NODE_TOOLS:
        shutil.rmtree(tmp_path / "cache" / "tools" / tool)
    assert [check for check in examine(project) if not check.ok] == []


def test_a_missing_tool_of_debian_without_apt_is_a_problem_that_go_does_not_solve(
    project: Path, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "cache" / "tools" / "runc")
    checks = _by_name(project)
    assert not checks["tool runc"].ok
    assert "apt" in checks["tool runc"].action
    assert checks["go"].ok


def test_a_missing_tool_without_go_and_without_network_is_a_problem(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "tools" / "helm")
    checks = _by_name(project)
    assert not checks["tool helm"].ok
    assert checks["tool kubectl"].ok
    assert not checks["go"].ok
    assert "needed for helm" in checks["go"].found


def test_a_missing_tool_with_go_is_no_problem(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "tools" / "helm")
    _program(tmp_path / "bin" / "go", "go1.26.1")
    checks = _by_name(project)
    assert checks["tool helm"].ok
    assert checks["go"].ok
    assert "built from its Go module" in checks["tool helm"].found


def test_a_missing_tool_that_can_be_downloaded_needs_no_go(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "cache" / "tools" / "helm")
    served = Downloads(httpx.MockTransport(lambda _: httpx.Response(200, text="digest")))
    monkeypatch.setattr(doctor, "Downloads", lambda: served)
    checks = _by_name(project)
    assert checks["tool helm"].ok
    assert checks["go"].ok


def test_a_full_disk_is_seen_before_a_build_fills_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, doctor.CACHE_BYTES - 1))
    checks = _by_name(project)
    assert not checks["space of the cache"].ok
    assert "ARIEL_CACHE" in checks["space of the cache"].action
    assert checks["space of the project"].ok


def test_a_process_that_ended_unasked_is_named(project: Path) -> None:
    record = project / ".ariel" / "local" / "run" / "arm.json"
    record.parent.mkdir(parents=True)
    own = Identity.of(os.getpid())
    assert own is not None
    record.write_text(json.dumps(vars(own)))
    assert _by_name(project)["processes of this checkout"].ok
    record.write_text(json.dumps(vars(own) | {"started": 1}))
    check = _by_name(project)["processes of this checkout"]
    assert not check.ok
    assert str(record) in check.found


def test_a_process_whose_checkout_was_removed_is_found(project: Path, tmp_path: Path) -> None:
    tool = tmp_path / "cache" / "tools" / "etcd" / str(TOOLS["etcd"].version) / "etcd"
    shutil.copy("/bin/sleep", tool)
    folder = tmp_path / "removed"
    folder.mkdir()
    with subprocess.Popen([tool, "300"], cwd=folder) as orphan:
        assert _by_name(project)["processes of removed checkouts"].ok
        folder.rmdir()
        check = _by_name(project)["processes of removed checkouts"]
        orphan.kill()
    assert not check.ok
    assert f"kill {orphan.pid}" in check.action


def test_a_clock_that_was_set_back_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = time.time() - 10 * 365 * 86400
    monkeypatch.setattr(time, "time", lambda: long_ago)
    assert not _by_name(project)["clock"].ok


def _by_name(project: Path) -> dict[str, Check]:
    checks = list(examine(project))
    found = {check.name: check for check in checks}
    assert len(found) == len(checks)
    return found


def _program(file: Path, answer: str) -> None:
    file.write_text(f"#!/bin/sh\necho {answer}\n")
    file.chmod(0o755)


def _closed(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)
