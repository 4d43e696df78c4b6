"""The table of tools: what it pins is what go.mod pins, and what it accepts makes sense."""

from __future__ import annotations

import json
import subprocess

import pytest

from sandbox.toolchain import TOOLS
from sandbox.toolchain.tool import Tool
from sandbox.toolchain.version import Range, Version
from stacks import versions

ALL = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


def test_the_table_is_not_empty() -> None:
    cluster = {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}
    assert {"pulumi", "helm", "actionlint", *cluster} == TOOLS.keys()


@ALL
def test_a_build_gives_the_version_that_the_table_promises(tool: Tool) -> None:
    pinned = (tool.program.folder / "go.mod").read_text()
    modules = [line.split()[:2] for line in pinned.splitlines() if line.startswith("\t")]
    containing = [found for module, *found in modules if f"{tool.program.package}/".startswith(f"{module}/") and found]
    assert containing == [[f"v{tool.version}"]]


@ALL
def test_every_module_of_a_build_is_pinned_by_a_digest(tool: Tool) -> None:
    assert f"v{tool.version} h1:" in (tool.program.folder / "go.sum").read_text()


@ALL
def test_go_mod_keeps_what_the_program_needs(tool: Tool) -> None:
    assert tool.program.package in (tool.program.folder / "go.mod").read_text().split()


@ALL
def test_the_version_that_is_fetched_would_also_be_accepted_on_path(tool: Tool) -> None:
    assert tool.version in tool.accepted


@ALL
def test_the_linker_sets_the_version_of_the_table(tool: Tool) -> None:
    full = {value for name, value in tool.program.variables.items() if name.lower().endswith(".version")}
    full |= {value for name, value in tool.program.variables.items() if name.endswith(".gitVersion")}
    assert full <= {f"v{tool.version}"}


@ALL
def test_downloads_come_by_https_for_both_machines(tool: Tool) -> None:
    assert tool.release.architectures.keys() == {"x86_64", "aarch64"}
    for template in (tool.release.url, tool.release.checksums):
        assert template.startswith("https://")
        assert str(tool.version) in template.format(version=tool.version, arch="amd64")


def test_the_cluster_has_the_version_that_stacks_say() -> None:
    servers = [TOOLS[name].version for name in ("kube-apiserver", "kube-controller-manager", "kubectl")]
    assert {f"{version.major}.{version.minor}" for version in servers} == {versions.KUBERNETES}
    assert len(set(servers)) == 1


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("v3.259.0\n", Version(3, 259, 0)),
        ("Client Version: v1.36.3\nKustomize Version: v5.8.1\n", Version(1, 36, 3)),
        ("etcd Version: 3.6.16\nGit SHA: abc\n", Version(3, 6, 16)),
        ("v3.22.0+g1234567", Version(3, 22, 0)),
        ("Kubernetes v1.36.3", Version(1, 36, 3)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", None),
        ("v3.260.0-alpha.1", None),
        ("command not found", None),
    ],
)
def test_a_version_is_read_from_what_tools_print(printed: str, expected: Version | None) -> None:
    assert Version.first_in(printed) == expected


def test_a_range_excludes_its_limit() -> None:
    accepted = Range(Version(1, 35, 0), Version(1, 38, 0))
    assert Version(1, 35, 0) in accepted
    assert Version(1, 37, 99) in accepted
    assert Version(1, 34, 99) not in accepted
    assert Version(1, 38, 0) not in accepted


def test_versions_are_compared_as_numbers() -> None:
    assert Version(3, 9, 0) < Version(3, 22, 0)


def test_go_knows_no_other_replacement_than_the_ones_committed() -> None:
    """A replacement that points to a folder would build what is on this machine."""
    for folder in {tool.program.folder for tool in TOOLS.values()}:
        lines = (folder / "go.mod").read_text().splitlines()
        targets = [line.split("=>")[1].split() for line in lines if "=>" in line]
        assert all(len(target) == 2 and target[1].startswith("v") for target in targets), json.dumps(targets)


def test_the_modules_are_under_version_control() -> None:
    for folder in {tool.program.folder for tool in TOOLS.values()}:
        listed = subprocess.run(["git", "ls-files", "."], cwd=folder, capture_output=True, text=True, check=True)
        assert listed.stdout.split() == ["go.mod", "go.sum"]
