"""The table of tools: what it pins is what go.mod pins, and what it accepts makes sense."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from sandbox.toolchain import TOOLS
from sandbox.toolchain.tool import DebianPackages, GoProgram, Release, Tool
from sandbox.toolchain.version import Range, Version
from stacks import versions

OWN_PROGRAMS = {"coredns": "github.com/coredns/coredns", "pause": None}
"""Programs of ours, which lie beside their go.mod -> the module whose version they have, if it is not their own."""

BUILT = {name: tool.source for name, tool in TOOLS.items() if isinstance(tool.source, GoProgram)}
UNPACKED = {name: tool.source for name, tool in TOOLS.items() if isinstance(tool.source, DebianPackages)}
RELEASED = {name: tool.release for name, tool in TOOLS.items() if tool.release is not None}

ALL = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
PINNED = pytest.mark.parametrize("name", sorted(BUILT.keys() - {"pause"}))


def test_the_table_is_not_empty() -> None:
    cluster = {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}
    node = {"kube-scheduler", "coredns", "containerd", "runc", "host-local", "nft", "kubelet", "kube-proxy", "pause"}
    assert {"pulumi", "helm", "actionlint", *cluster, *node} == TOOLS.keys()


@PINNED
def test_a_build_gives_the_version_that_the_table_promises(name: str) -> None:
    package = OWN_PROGRAMS.get(name) or BUILT[name].package
    pinned = (BUILT[name].folder / "go.mod").read_text().replace("require ", "\t")
    modules = [line.split()[:2] for line in pinned.splitlines() if line.startswith("\t")]
    containing = [found for module, *found in modules if f"{package}/".startswith(f"{module}/") and found]
    assert containing == [[f"v{TOOLS[name].version}"]]


@PINNED
def test_every_module_of_a_build_is_pinned_by_a_digest(name: str) -> None:
    assert f"v{TOOLS[name].version} h1:" in (BUILT[name].folder / "go.sum").read_text()


@PINNED
def test_go_mod_keeps_what_the_program_needs(name: str) -> None:
    package = OWN_PROGRAMS.get(name) or BUILT[name].package
    assert package in (BUILT[name].folder / "go.mod").read_text().split()


def test_our_own_program_depends_on_nothing_and_says_the_version_of_the_table() -> None:
    folder = BUILT["pause"].folder
    assert "require" not in (folder / "go.mod").read_text()
    assert f'"v{TOOLS["pause"].version}"' in (folder / "main.go").read_text()


def test_the_dns_server_has_the_plug_ins_that_its_configuration_uses_and_no_other() -> None:
    program = (BUILT["coredns"].folder / "main.go").read_text()
    built_in = set(re.findall(r'"github.com/coredns/coredns/plugin/(\w+)"', program))
    assert built_in == {"bind", "cache", "errors", "forward", "hosts", "kubernetes", "ready", "template"}
    ordered = re.search(r"Directives = \[\]string\{(.*?)\}", program, re.DOTALL)
    assert ordered is not None
    assert set(re.findall(r'"(\w+)"', ordered[1])) == built_in


@pytest.mark.parametrize("name", UNPACKED)
def test_a_debian_package_is_searched_for_the_tool_itself(name: str) -> None:
    """Else what is unpacked has no executable, on a machine that cannot download it."""
    assert any(pattern.endswith((f"bin/{name}", f"cni/{name}")) for pattern in UNPACKED[name].files)


@ALL
def test_the_version_that_is_fetched_would_also_be_accepted_on_path(tool: Tool) -> None:
    assert tool.version in tool.accepted


@PINNED
def test_the_linker_sets_the_version_of_the_table(name: str) -> None:
    variables = BUILT[name].variables
    full = {value for key, value in variables.items() if key.lower().endswith((".version", ".gitversion"))}
    assert full <= {f"v{TOOLS[name].version}"}


@pytest.mark.parametrize("name", RELEASED)
def test_downloads_come_by_https_for_both_machines(name: str) -> None:
    release: Release = RELEASED[name]
    assert release.architectures.keys() == {"x86_64", "aarch64"}
    for template in (release.url, release.checksums):
        assert template.startswith("https://")
        assert str(TOOLS[name].version) in template.format(version=TOOLS[name].version, arch="amd64")


def test_the_cluster_has_the_version_that_stacks_say() -> None:
    servers = [tool.version for name, tool in TOOLS.items() if name.startswith("kube")]
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
    for folder in {program.folder for program in BUILT.values()}:
        lines = (folder / "go.mod").read_text().splitlines()
        targets = [line.split("=>")[1].split() for line in lines if "=>" in line]
        assert all(len(target) == 2 and target[1].startswith("v") for target in targets), json.dumps(targets)


def test_the_modules_are_under_version_control() -> None:
    for name, program in BUILT.items():
        listed = subprocess.run(
            ["git", "ls-files", "."], cwd=program.folder, capture_output=True, text=True, check=True
        )
        sums = [] if name == "pause" else ["go.sum"]
        assert listed.stdout.split() == ["go.mod", *sums, *(["main.go"] if name in OWN_PROGRAMS else [])]
