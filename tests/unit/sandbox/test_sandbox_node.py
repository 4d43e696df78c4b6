"""What a node is given before it starts: cgroups of both versions, names, an image; and what is said when it cannot."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections import namedtuple
from pathlib import Path

import pytest

from sandbox.cluster import cgroups, dns, preflight
from sandbox.cluster.folder import ClusterFolder
from sandbox.cluster.image_archive import write_archive
from sandbox.network import SandboxNetwork
from stacks.errors import MachineError

NETWORK = SandboxNetwork(7)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def separate(tmp_path: Path) -> Path:
    """Trees of version 1."""
    for tree in ("cpu", "memory", "pids", "cpuset"):
        (tmp_path / tree).mkdir()
        (tmp_path / tree / "cgroup.procs").touch()
    return tmp_path


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """The tree of version 2 on a machine of its own: the root has no type."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.procs").write_text("1\n")
    return tmp_path


def test_version_1_gets_a_group_in_every_tree_and_loses_all_of_them(separate: Path) -> None:
    cgroups.create("ariel-7", separate)
    assert all((separate / tree / "ariel-7").is_dir() for tree in ("cpu", "memory", "pids", "cpuset"))
    (separate / "memory" / "ariel-7" / "pod" / "container").mkdir(parents=True)
    cgroups.remove("ariel-7", separate)
    assert not list(separate.glob("*/ariel-7"))
    cgroups.remove("ariel-7", separate)


def test_a_group_of_processors_gets_those_of_the_machine(separate: Path) -> None:
    """An empty one takes no process, and no pod would start."""
    (separate / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (separate / "cpuset" / "ariel-7").mkdir()
    (separate / "cpuset" / "ariel-7" / "cpuset.cpus").write_text("\n")
    cgroups.create("ariel-7", separate)
    assert (separate / "cpuset" / "ariel-7" / "cpuset.cpus").read_text() == "0-1\n"


def test_version_2_hands_the_controllers_down(unified: Path) -> None:
    (unified / "ariel-7").mkdir()
    (unified / "ariel-7" / "cgroup.subtree_control").touch()
    cgroups.create("ariel-7", unified)
    assert "+pids" in (unified / "ariel-7" / "cgroup.subtree_control").read_text()
    assert cgroups.obstacle(unified) == ""


def test_a_container_whose_root_group_holds_processes_is_said_before_the_start(unified: Path) -> None:
    (unified / "cgroup.type").write_text("domain\n")
    (unified / "cgroup.subtree_control").write_text("\n")
    assert "cpu, memory, pids" in cgroups.obstacle(unified)


def test_missing_controllers_are_named(separate: Path) -> None:
    shutil.rmtree(separate / "pids")
    check = preflight._cgroups(separate)
    assert not check.ok
    assert check.found == "not mounted: pids"
    assert check.action


def test_a_machine_without_cgroups_is_told(tmp_path: Path) -> None:
    assert "cpu, memory, pids" in preflight._cgroups(tmp_path / "nothing").found


def test_a_feature_that_the_kernel_lacks_is_named_with_what_the_kernel_said() -> None:
    check = preflight._kernel({"teleports": "echo unknown device type >&2; exit 2"}, None)
    assert not check.ok
    assert "teleports" in check.found
    assert check.action


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "cluster" / "etcd" / "data").mkdir(parents=True)
    with pytest.raises(MachineError) as error:
        preflight.require(ClusterFolder(tmp_path / "cluster", NETWORK), NETWORK, None)
    named = {problem.path for problem in error.value.problems}
    assert {"node: rights", "node: programs of the machine", "node: disk", "node: data of the cluster"} <= named
    assert all(problem.action and problem.value and problem.rule for problem in error.value.problems)


@pytest.mark.parametrize("resolver", [True, False])
def test_a_name_is_asked_of_the_sandbox_before_anybody_else(tmp_path: Path, resolver: bool) -> None:
    text = dns.corefile(ClusterFolder(tmp_path / "a folder", NETWORK), NETWORK, resolver=resolver)
    outside = "forward . /etc/resolv.conf" if resolver else "rcode NXDOMAIN"
    assert 0 < text.index("kubernetes {") < text.index("hosts ") < text.index(outside)
    assert ("forward" in text) == resolver
    assert text.count("{") == text.count("}")


def test_a_resolver_that_does_not_answer_is_not_asked_by_pods(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    assert not dns.resolver_answers(file)
    file.write_text("search example\n")
    assert not dns.resolver_answers(file)
    # Nobody listens there: TEST-NET is routed nowhere, a closed port of this machine refuses.
    file.write_text("nameserver 127.255.255.254\n")
    assert not dns.resolver_answers(file)


def test_an_image_archive_is_whole_and_the_same_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/true\n")
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    for target in (first, second):
        write_archive(target, "example.test/image:1", {"program": program}, ["/program"], "x86_64")
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as archive:
        blobs = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    (described,) = json.loads(blobs["index.json"])["manifests"]
    assert described["annotations"]["io.containerd.image.name"] == "example.test/image:1"
    manifest = json.loads(_blob(blobs, described["digest"]))
    config = json.loads(_blob(blobs, manifest["config"]["digest"]))
    assert config["config"]["Entrypoint"] == ["/program"]
    with tarfile.open(fileobj=io.BytesIO(_blob(blobs, manifest["layers"][0]["digest"]))) as layer:
        assert layer.getmember("program").mode == 0o755


def _blob(blobs: dict[str, bytes], digest: str) -> bytes:
    content = blobs[f"blobs/{digest.replace(':', '/')}"]
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
    return content
