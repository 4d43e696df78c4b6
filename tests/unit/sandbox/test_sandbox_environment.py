"""What the engine is told: our plug-ins and tools first, the person's passphrase untouched, state of this checkout."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import pytest

from sandbox import official_plugins
from sandbox.lifecycle import DEFAULT_PASSPHRASE, Sandbox
from sandbox.official_plugins import OfficialPlugins
from sandbox.report import LineReport
from stacks.errors import MachineError

PULUMI = """case "$1" in
version) echo v3.259.0 ;;
plugin) echo "$4" >> "$PULUMI_HOME/asked"; {install} ;;
esac"""


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pulumi on PATH that installs every plug-in, on a machine with an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("ARIEL_CACHE", str(tmp_path / "cache"))
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    return _executable(folder / "pulumi", PULUMI.format(install="true"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path / "project", "local")


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official_plugins, "_reachable", lambda url: True)


def test_every_plug_in_is_found_on_the_engines_path(pulumi: Path, sandbox: Sandbox) -> None:
    path = sandbox.environment()["PATH"]
    for package in ("azure-native", "kubernetes", "random"):
        found = shutil.which(f"pulumi-resource-{package}", path=path)
        assert found is not None
        assert Path(found).parent.name == package
    assert shutil.which("pulumi", path=path) == str(pulumi)


def test_state_and_home_of_the_engine_are_those_of_the_checkout(pulumi: Path, sandbox: Sandbox) -> None:
    environment = sandbox.environment()
    root = sandbox.paths.project / ".ariel" / "local"
    assert environment["PULUMI_BACKEND_URL"] == f"file://{root}/pulumi"
    assert environment["PULUMI_HOME"] == f"{root}/home"
    assert environment["ARIEL_PYTHON"] == sys.executable


def test_two_checkouts_have_other_tokens_and_other_ports(pulumi: Path, tmp_path: Path) -> None:
    one, two = (Sandbox(tmp_path / name, "local").environment() for name in "ab")
    assert one["ARIEL_ARM_TOKEN"] != two["ARIEL_ARM_TOKEN"]
    assert one["PULUMI_BACKEND_URL"] != two["PULUMI_BACKEND_URL"]


def test_endpoint_and_token_stay_from_one_command_to_the_next(pulumi: Path, tmp_path: Path) -> None:
    assert Sandbox(tmp_path, "local").environment() == Sandbox(tmp_path, "local").environment()


def test_the_documented_passphrase_serves_where_the_person_gives_none(pulumi: Path, sandbox: Sandbox) -> None:
    assert sandbox.environment()["PULUMI_CONFIG_PASSPHRASE"] == DEFAULT_PASSPHRASE
    assert f"`{DEFAULT_PASSPHRASE}`" in (Path(official_plugins.__file__).parent / "README.md").read_text()


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_the_persons_own_passphrase_is_not_replaced(
    pulumi: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "own")
    assert "PULUMI_CONFIG_PASSPHRASE" not in sandbox.environment()


def test_without_an_engine_the_message_says_how_to_get_one(
    pulumi: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MachineError, match="tool pulumi"):
        sandbox.environment()


def test_the_published_random_plug_in_is_used_where_it_can_be_had(
    pulumi: Path, sandbox: Sandbox, reachable: None
) -> None:
    _choose(sandbox, pulumi)
    path = sandbox.environment()["PATH"]
    assert shutil.which("pulumi-resource-random", path=path) is None


def test_a_cluster_without_nodes_is_never_left_to_a_plug_in_that_waits_for_pods(
    pulumi: Path, sandbox: Sandbox, reachable: None
) -> None:
    _choose(sandbox, pulumi)
    path = sandbox.environment()["PATH"]
    assert shutil.which("pulumi-resource-kubernetes", path=path) is not None
    assert shutil.which("pulumi-resource-azure-native", path=path) is not None


def test_a_plug_in_that_cannot_be_had_is_replaced_by_ours_and_said(
    pulumi: Path, sandbox: Sandbox, reachable: None
) -> None:
    _executable(pulumi, PULUMI.format(install="{ echo no such plug-in >&2; exit 1; }"))
    said = _choose(sandbox, pulumi)
    assert "official random plug-in cannot be had (no such plug-in)" in said
    assert OfficialPlugins(sandbox.paths.pulumi_home).installed() == frozenset()


def test_a_stack_keeps_its_plug_ins_when_the_network_comes_later(
    pulumi: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for answer in (False, True):
        monkeypatch.setattr(official_plugins, "_reachable", lambda url, answer=answer: answer)
        _choose(sandbox, pulumi)
    assert OfficialPlugins(sandbox.paths.pulumi_home).installed() == frozenset()
    assert not (sandbox.paths.pulumi_home / "asked").exists()


def test_nothing_of_a_sandbox_that_was_never_started_is_ready(sandbox: Sandbox) -> None:
    assert [(part.name, part.ready) for part in sandbox.status()] == [("arm", False)]


def _choose(sandbox: Sandbox, pulumi: Path) -> str:
    said = io.StringIO()
    OfficialPlugins(sandbox.paths.pulumi_home).choose(pulumi, LineReport(said), node=False)
    return said.getvalue()


def _executable(file: Path, script: str) -> Path:
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file
