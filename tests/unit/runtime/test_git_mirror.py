"""A tenant's mirror against a real remote served by git: what its readers see on good and bad days."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ariel_runtime import git_mirror
from ariel_runtime.git_mirror import Settings
from ariel_runtime.life import Life
from ariel_runtime.mirror_state import PORT, MirrorState

from components import git_mirror as component
from components.pod import INIT
from tests.ports import free_port
from tests.unit.components.test_git_mirror import recorded
from tests.unit.runtime.git_remote import Remote, eventually, git


class Running:
    """The mirror in a thread, as its command runs it."""

    def __init__(self, folder: Path, url: str, poll_seconds: float = 0.2) -> None:
        (folder / "state").mkdir(parents=True)
        self.state = folder / "state"
        self.settings = Settings(
            url=url,
            branch="main",
            folder=folder / "repository.git",
            port=free_port(),
            state_port=free_port(),
            poll_seconds=poll_seconds,
        )
        self.url = f"git://127.0.0.1:{self.settings.port}/repository.git"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=git_mirror.run, args=(self.settings, Life(self.state), self._stop))

    def start(self) -> Running:
        self._stop.clear()
        self._thread = threading.Thread(target=git_mirror.run, args=(self.settings, Life(self.state), self._stop))
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
            assert not self._thread.is_alive()

    def served(self) -> str:
        """The commit that a reader is given; empty while there is none."""
        try:
            return git(self.state, "ls-remote", self.url, "refs/heads/main").partition("\t")[0]
        except subprocess.CalledProcessError:
            return ""

    def told(self, method: str = "GET", path: str = "/") -> httpx.Response:
        """What it answers to the API server."""
        return httpx.request(method, f"http://127.0.0.1:{self.settings.state_port}{path}", timeout=40, trust_env=False)

    def serves(self, commit: str) -> bool:
        return eventually(lambda: self.served() == commit)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    with Remote.served(tmp_path / "remote") as made:
        yield made


@pytest.fixture
def mirror(tmp_path: Path, remote: Remote) -> Iterator[Running]:
    made = Running(tmp_path / "mirror", remote.url)
    yield made
    made.stop()


def test_a_push_reaches_the_readers(remote: Remote, mirror: Running, tmp_path: Path) -> None:
    mirror.start()
    assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))
    assert mirror.serves(remote.write("second"))
    git(tmp_path, "clone", "--quiet", mirror.url, "reader")
    assert (tmp_path / "reader" / "dag.py").read_text() == "second"


def test_a_forced_push_is_followed(remote: Remote, mirror: Running) -> None:
    mirror.start()
    assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))
    assert mirror.serves(remote.write("other history", "--amend"))


def test_readers_cannot_push(remote: Remote, mirror: Running, tmp_path: Path) -> None:
    """Whoever could, would run code in the other parts of the tenant, and past its reviews."""
    mirror.start()
    head = git(remote.work, "rev-parse", "HEAD")
    assert mirror.serves(head)
    with pytest.raises(subprocess.CalledProcessError):
        git(remote.work, "push", "--quiet", mirror.url, "HEAD:refs/heads/evil")
    assert mirror.served() == head


def test_a_branch_that_is_gone_stays_served(remote: Remote, mirror: Running) -> None:
    """The tenant's runs go on with what they had, instead of failing one after another."""
    mirror.start()
    head = git(remote.work, "rev-parse", "HEAD")
    assert mirror.serves(head)
    git(remote.work, "branch", "-m", "main", "renamed")
    time.sleep(2)
    assert mirror.served() == head
    git(remote.work, "branch", "-m", "renamed", "main")
    assert mirror.serves(remote.write("back again"))


def test_other_references_of_the_remote_are_not_served(remote: Remote, mirror: Running) -> None:
    """On public hosts anybody can make `refs/pull/*`."""
    git(remote.work, "update-ref", "refs/pull/1/head", "HEAD")
    git(remote.work, "branch", "private")
    mirror.start()
    head = git(remote.work, "rev-parse", "HEAD")
    assert mirror.serves(head)
    assert git(remote.work, "ls-remote", mirror.url).splitlines() == [f"{head}\tHEAD", f"{head}\trefs/heads/main"]


def test_what_is_there_is_served_while_the_remote_is_away(remote: Remote, mirror: Running) -> None:
    mirror.start()
    head = git(remote.work, "rev-parse", "HEAD")
    assert mirror.serves(head)
    mirror.stop()
    remote.daemon.stop()
    mirror.start()
    assert mirror.serves(head)
    later = remote.write("later")
    remote.serve()
    assert mirror.serves(later)


def test_a_remote_that_is_away_at_the_first_start_is_waited_for(remote: Remote, mirror: Running) -> None:
    remote.daemon.stop()
    mirror.start()
    assert eventually((mirror.state / "heartbeat").exists), "the pod would be restarted for nothing"
    remote.serve()
    assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))


@pytest.mark.parametrize("damage", ["objects", "references", "everything"])
def test_a_broken_mirror_is_fetched_anew(remote: Remote, mirror: Running, tmp_path: Path, damage: str) -> None:
    mirror.start()
    assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))
    mirror.stop()
    repository = mirror.settings.folder
    if damage == "everything":
        shutil.rmtree(repository)
        (repository / "objects").mkdir(parents=True)
    for path in (repository / ("objects" if damage == "objects" else "refs")).rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"")
    mirror.start()
    assert mirror.serves(remote.write("after the damage"))
    git(tmp_path, "clone", "--quiet", mirror.url, "reader")


def test_a_mirror_that_breaks_while_it_runs_is_fetched_anew(remote: Remote, mirror: Running, tmp_path: Path) -> None:
    mirror.start()
    assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))
    for path in (mirror.settings.folder / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"")
    assert mirror.serves(remote.write("after the damage"))
    git(tmp_path, "clone", "--quiet", mirror.url, "reader")


def test_a_git_daemon_that_dies_is_started_again(
    remote: Remote, mirror: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[int] = []
    start = subprocess.Popen.__init__

    def remember(self: subprocess.Popen[bytes], command: list[str], **options: object) -> None:
        start(self, command, **options)  # type: ignore[call-overload]
        if command[0].endswith("git-daemon"):
            children.append(self.pid)

    monkeypatch.setattr(subprocess.Popen, "__init__", remember)
    mirror.start()
    head = git(remote.work, "rev-parse", "HEAD")
    assert mirror.serves(head)
    os.kill(children[-1], signal.SIGKILL)
    assert eventually(lambda: len(children) == 2)
    assert mirror.serves(head)


def test_a_refresh_is_answered_when_what_was_pushed_before_it_is_served(remote: Remote, tmp_path: Path) -> None:
    """The answer names the revision to a pipeline, which believes it."""
    mirror = Running(tmp_path / "mirror", remote.url, poll_seconds=3600).start()
    try:
        assert mirror.serves(git(remote.work, "rev-parse", "HEAD"))
        pushed = remote.write("pushed")
        told = mirror.told("POST", "/refresh").json()
        assert (told["commit"], told["error"]) == (pushed, "")
        assert mirror.served() == pushed
        assert mirror.told().json() == told
        remote.daemon.stop()
        away = mirror.told("POST", "/refresh").json()
        assert "git ls-remote" in away["error"]
        assert (away["commit"], away["fetched"]) == (pushed, told["fetched"])
        assert mirror.told("POST", "/other").status_code == mirror.told("GET", "/refresh").status_code == 404
    finally:
        mirror.stop()


def test_a_fetch_that_had_begun_before_is_no_answer_to_a_refresh() -> None:
    """It may have asked the remote before the push."""
    state = MirrorState()
    answers: list[dict[str, str | None]] = []
    state.fetch_begins()
    asking = threading.Thread(target=lambda: answers.append(state.refreshed()))
    asking.start()
    assert state.wait_until_wanted(5)
    state.fetch_ended("old")
    asking.join(0.2)
    assert not answers
    state.fetch_begins()
    state.fetch_ended("new")
    asking.join(5)
    assert [each["commit"] for each in answers] == ["new"]


@pytest.mark.parametrize("start", ["https://user:s3cret", "https://s3cret", "git://s3cret", "ssh://git:s3cret"])
def test_a_url_with_a_credential_is_refused_without_naming_it(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later messages of git would repeat it."""
    monkeypatch.setenv("ARIEL_REPOSITORY_URL", f"{start}@git.example.org/x.git")
    with pytest.raises(ValueError, match="ARIEL_REPOSITORY_URL") as refused:
        Settings.of_environment()
    assert "s3cret" not in str(refused.value)


def test_the_component_gives_every_variable_and_the_command_ends_on_sigterm(remote: Remote, tmp_path: Path) -> None:
    (deployment,) = recorded().of("apps/v1:Deployment")
    (container,) = deployment.inputs["spec"]["template"]["spec"]["containers"]
    names = [variable["name"] for variable in container["env"]]
    values = {
        "ARIEL_REPOSITORY_URL": remote.url,
        "ARIEL_REPOSITORY_BRANCH": "main",
        "ARIEL_MIRROR_FOLDER": str(tmp_path / "served" / component._SERVED),
        "ARIEL_MIRROR_PORT": str(free_port()),
        "ARIEL_MIRROR_STATE_PORT": str(free_port()),
        "ARIEL_POLL_SECONDS": str(component.POLL_SECONDS),
    }
    assert sorted(values) == sorted(names)
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    assert given["ARIEL_MIRROR_STATE_PORT"] == str(PORT), "the API server asks there"
    (tmp_path / "served").mkdir()
    state = tmp_path / "state"
    state.mkdir()
    program = (
        "import pathlib, sys; from ariel_runtime import git_mirror, life; "
        f"git_mirror.Life.__init__.__defaults__ = (pathlib.Path({str(state)!r}),); sys.exit(git_mirror.main())"
    )
    assert container["command"] == [*INIT, "python", "-m", git_mirror.__name__]
    process = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **values})
    try:
        assert eventually((state / "heartbeat").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
