"""Where tools come from: PATH, cache, download, build; in that order, and nothing unverified."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sandbox import toolchain
from sandbox.report import LineReport
from sandbox.toolchain import chain, on_path
from sandbox.toolchain.download import Downloads, expected_digest, unpack
from stacks.errors import MachineError

Answer = Callable[[httpx.Request], httpx.Response]


class Machine:
    """A machine of its own: an empty PATH folder, an empty cache, and a network that answers as told."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache, self.log = root / "bin", root / "cache", root / "go.log"
        self.bin.mkdir()
        self.requests: list[str] = []
        self.report = io.StringIO()
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("ARIEL_CACHE", str(self.cache))
        self.network(self._closed)

    def command(self, name: str, script: str) -> Path:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def network(self, answer: Answer) -> None:
        def recorded(request: httpx.Request) -> httpx.Response:
            self.requests.append(str(request.url))
            return answer(request)

        downloads = Downloads(httpx.MockTransport(recorded))
        self._monkeypatch.setattr(chain, "_downloads", lambda: downloads)

    def go(self, build: str) -> None:
        """A Go whose build runs that script with the output folder in `$out`."""
        self.command(
            "go",
            f"""case "$1" in
env) echo go1.26.0 ;;
list) echo one; echo two ;;
build) echo "$@" >> {self.log}
  while [ "$1" != -o ]; do shift; done; out=$2; shift 2
  {build} ;;
esac""",
        )

    def ensure(self, *names: str) -> dict[str, Path]:
        return toolchain.ensure(names, LineReport(self.report))

    def builds(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @staticmethod
    def _closed(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)


BUILD_ALL = 'for package in "$@"; do echo built > "$out${package##*/}"; done'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_fitting_tool_on_path_is_used_and_nothing_is_fetched(machine: Machine) -> None:
    own = machine.command("kubectl", "echo Client Version: v1.36.0")
    assert machine.ensure("kubectl") == {"kubectl": own}
    assert machine.requests == []


def test_the_persons_own_tool_goes_before_the_one_in_the_cache(machine: Machine) -> None:
    machine.go(BUILD_ALL)
    machine.ensure("helm")
    own = machine.command("helm", "echo v3.20.0+gabc")
    on_path._ask.cache_clear()
    assert machine.ensure("helm") == {"helm": own}


@pytest.mark.parametrize("printed", ["v1.32.4-dispatcher", "v1.30.1", "v1.40.0", "nothing"])
def test_a_tool_on_path_that_does_not_fit_is_not_used(machine: Machine, printed: str) -> None:
    own = machine.command("kubectl", f"echo Client Version: {printed}")
    machine.go(BUILD_ALL)
    assert machine.ensure("kubectl")["kubectl"] != own


def test_a_tool_in_the_cache_is_not_fetched_again(machine: Machine) -> None:
    machine.go(BUILD_ALL)
    first = machine.ensure("kubectl")
    asked = len(machine.requests)
    assert machine.ensure("kubectl") == first
    assert (len(machine.requests), len(machine.builds())) == (asked, 1)


def test_a_download_is_installed_when_the_publishers_digest_is_its_own(machine: Machine) -> None:
    machine.network(_serving(b"real", hashlib.sha256(b"real").hexdigest()))
    file = machine.ensure("kubectl")["kubectl"]
    assert file == machine.cache / "tools/kubectl/1.36.3/kubectl"
    assert file.read_bytes() == b"real"
    assert os.access(file, os.X_OK)


def test_a_download_with_another_digest_is_never_installed(machine: Machine) -> None:
    machine.network(_serving(b"forged", hashlib.sha256(b"real").hexdigest()))
    with pytest.raises(MachineError, match="the publisher says"):
        machine.ensure("kubectl")
    assert [file for file in machine.cache.rglob("*") if file.is_file() and file.name != "lock"] == []


APT = """case "$*" in
*update) exit 0 ;;
download*) [ -n "$LISTS" ] && for name in "$@"; do : > "$name.deb"; done ;;
*download*) for name in "$@"; do case "$name" in -*|*/*|download) ;; *) : > "$name.deb" ;; esac; done ;;
esac"""
DPKG = """/bin/mkdir -p "$3/usr/sbin" "$3/usr/share/doc"
echo "from Debian" > "$3/usr/sbin/runc"
echo text > "$3/usr/share/doc/runc"
"""


@pytest.mark.parametrize("lists", ["", "fresh"])
def test_a_tool_is_unpacked_from_debian_also_where_the_machines_lists_are_of_no_use(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, lists: str
) -> None:
    monkeypatch.setenv("LISTS", lists)
    machine.command("apt-get", APT)
    machine.command("dpkg-deb", DPKG)
    file = machine.ensure("runc")["runc"]
    assert file.read_text() == "from Debian\n"
    assert [other.name for other in file.parent.iterdir()] == ["runc"]


def test_a_machine_without_debian_is_told_what_to_install(machine: Machine) -> None:
    with pytest.raises(MachineError) as error:
        machine.ensure("runc")
    (problem,) = error.value.problems
    assert "no apt-get" in problem.value
    assert "apt install runc" in problem.action


def test_a_package_without_the_tool_is_not_installed(machine: Machine) -> None:
    machine.command("apt-get", "exit 0")
    machine.command("dpkg-deb", "exit 0")
    with pytest.raises(MachineError, match="runc holds no runc"):
        machine.ensure("runc")


def test_a_host_that_cannot_be_reached_is_asked_once(machine: Machine) -> None:
    machine.go(BUILD_ALL)
    machine.ensure("kubectl", "kube-apiserver", "kube-controller-manager")
    assert len(machine.requests) == 1


def test_tools_of_one_module_are_built_in_one_run(machine: Machine) -> None:
    machine.go(BUILD_ALL)
    found = machine.ensure("kubectl", "kube-apiserver")
    (command,) = machine.builds()
    assert "k8s.io/kubernetes/cmd/kubectl" in command
    assert "k8s.io/kubernetes/cmd/kube-apiserver" in command
    assert "-mod=readonly" in command
    assert all(file.read_text() == "built\n" for file in found.values())


def test_a_build_whose_executable_has_another_name_is_installed_under_the_tools_name(machine: Machine) -> None:
    machine.go('echo built > "${out}server"')
    assert machine.ensure("etcd")["etcd"] == machine.cache / "tools/etcd/3.6.16/etcd"


def test_when_nothing_works_the_message_says_all_that_was_tried_and_what_to_do(machine: Machine) -> None:
    machine.command("kubectl", "echo Client Version: v1.30.1")
    machine.go("echo undefined: thing >&2; exit 1")
    with pytest.raises(MachineError) as caught:
        machine.ensure("kubectl")
    text = str(caught.value)
    for part in ("tool kubectl", "is 1.30.1", "dl.k8s.io cannot be reached", "undefined: thing", "install Go"):
        assert part in text


def test_without_go_the_message_names_the_version_that_is_needed(machine: Machine) -> None:
    machine.command("go", "echo go1.19.8")
    with pytest.raises(MachineError, match=r"needs Go 1\.21\.0 or newer, found 1\.19\.8"):
        machine.ensure("kubectl")


def test_all_tools_that_cannot_be_had_are_reported_at_once(machine: Machine) -> None:
    machine.command("go", "exit 1")
    with pytest.raises(MachineError) as caught:
        machine.ensure("kubectl", "kube-apiserver")
    assert [problem.path for problem in caught.value.problems] == ["tool kubectl", "tool kube-apiserver"]


def test_an_unknown_tool_is_refused_by_name(machine: Machine) -> None:
    with pytest.raises(MachineError, match=r"one of .*etcd, helm"):
        machine.ensure("kubelet-of-doom")


def test_the_path_of_a_tool_that_is_not_there_is_refused_and_nothing_is_fetched(machine: Machine) -> None:
    with pytest.raises(MachineError, match="not fetched yet"):
        toolchain.path("kubectl")
    assert machine.requests == []


def test_two_commands_that_miss_the_same_tool_build_it_once(machine: Machine) -> None:
    machine.go(f"/bin/sleep 0.5; {BUILD_ALL}")
    threads = [threading.Thread(target=machine.ensure, args=("kubectl",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(machine.builds()) == 1
    assert "Waiting for another command" in machine.report.getvalue()


def test_what_a_killed_command_left_half_made_is_not_taken_for_a_tool(machine: Machine) -> None:
    machine.go(BUILD_ALL)
    remainder = machine.cache / "tools/kubectl/.partial-x"
    remainder.mkdir(parents=True)
    (remainder / "kubectl").write_text("half")
    assert machine.ensure("kubectl")["kubectl"].read_text() == "built\n"
    assert not remainder.exists()


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "tool.tar.gz"
    outside = tmp_path / "outside"
    with tarfile.open(archive, "w:gz") as out:
        _add(out, "linux-amd64/../../outside/helm", b"escaped")
        link = tarfile.TarInfo("linux-amd64/helm")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        out.addfile(link)
        _add(out, "linux-amd64/helm", b"real")
    folder = tmp_path / "work"
    folder.mkdir()
    files = unpack(archive, "linux-*/helm", folder)
    assert not outside.exists()
    assert {name: file.parent for name, file in files.items()} == {"helm": folder}
    assert files["helm"].read_bytes() == b"real"


@pytest.mark.parametrize(
    ("sums", "digest"),
    [
        ("ABC\n", "abc"),
        ("abc  tool.tar.gz\n", "abc"),
        ("x  other\nabc *dir/tool.tar.gz\n", "abc"),
        ("x  other\n", None),
    ],
)
def test_the_digest_is_found_in_every_form_that_publishers_use(sums: str, digest: str | None) -> None:
    assert expected_digest(sums, "tool.tar.gz") == digest


def _serving(content: bytes, digest: str) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, text=digest)
            if request.url.path.endswith(".sha256")
            else httpx.Response(200, content=content)
        )

    return answer


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
