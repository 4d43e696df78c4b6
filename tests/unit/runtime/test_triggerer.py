"""How a tenant's triggers reach its triggerer: from a real git remote, revision by revision."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ariel_runtime import triggerer
from ariel_runtime.triggerer import Bundle

from components.tenant_airflow import REFRESH_SECONDS, bundle_list, environment
from stacks.tenant import Repository
from tests.unit.runtime.git_remote import Remote, eventually

STAND_IN = """
import signal, sys, time
commit, folder = sys.argv.pop(1), sys.argv.pop(1)
sys.path.append(folder)
import dag
with open({out!r}, "a") as file:
    print(dag.REVISION, *sys.argv[1:], file=file)
dag.act()
time.sleep(60)
"""
"""In the place of our `airflow triggerer`, which needs a database: it imports the tenant's code and says which."""
ENDS_ONCE = """
import os, time
def ends_once(wanting):
    while not os.path.exists(wanting):
        time.sleep(0.1)
    os._exit(os.EX_TEMPFAIL)
"""


class Running:
    def __init__(
        self, folder: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch, refresh_seconds: float = 0.2
    ) -> None:
        self.out = folder / "out"
        monkeypatch.setattr(triggerer, "COMMAND", (sys.executable, "-c", STAND_IN.format(out=str(self.out))))
        self.bundle = Bundle(
            url=remote.url,
            branch="main",
            path="dags",
            refresh_seconds=refresh_seconds,
            folder=folder / "revisions",
        )
        self.status: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.status = triggerer.run(self.bundle, ["--team-name", "weather"], self._stop)

    def started(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def code(revision: str, act: str = "None") -> str:
    return f"REVISION = {revision!r}\ndef act(): return {act}\n"


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    with Remote.served(tmp_path / "remote") as made:
        made.write(code("one"), file="dags/dag.py")
        yield made


@pytest.fixture
def running(tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    made = Running(tmp_path, remote, monkeypatch)
    yield made
    made.stop()


def test_a_new_revision_replaces_the_running_code(running: Running, remote: Remote) -> None:
    """Otherwise a corrected trigger would go on as it was until somebody restarts the pod."""
    assert eventually(lambda: running.started() == ["one triggerer --team-name weather"])
    commit = remote.write(code("two"), file="dags/dag.py")
    assert eventually(lambda: running.started()[1:] == ["two triggerer --team-name weather"])
    kept = running.bundle.folder
    assert eventually(lambda: [each.name for each in kept.iterdir()] == [commit]), "the disk would fill"


def test_a_mirror_that_is_away_ends_nothing(running: Running, remote: Remote) -> None:
    assert eventually(lambda: len(running.started()) == 1)
    remote.daemon.stop()
    assert not eventually(lambda: running.status is not None or len(running.started()) > 1, 3)


def test_a_triggerer_that_ends_by_itself_ends_the_pod(running: Running, remote: Remote) -> None:
    assert eventually(lambda: len(running.started()) == 1)
    remote.write(code("two", "__import__('os')._exit(7)"), file="dags/dag.py")
    assert eventually(lambda: running.status == 7)


def test_a_triggerer_that_ends_for_want_of_newer_code_gets_it(
    tmp_path: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanting = tmp_path / "wanting"
    remote.write(code("one", f"ends_once({str(wanting)!r})") + ENDS_ONCE, file="dags/dag.py")
    seldom = Running(tmp_path, remote, monkeypatch, refresh_seconds=3600)
    try:
        assert eventually(lambda: seldom.started() == ["one triggerer --team-name weather"])
        remote.write(code("two"), file="dags/dag.py")
        wanting.touch()
        assert eventually(lambda: seldom.started()[1:] == ["two triggerer --team-name weather"])
        assert seldom.status is None
    finally:
        seldom.stop()


def test_the_bundle_is_the_one_that_the_platform_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository.model_validate({"url": "https://git.example.org/x.git", "path": "a/dags", "branch": "b"})
    settings = environment("weather", repository, "local")
    for key in ("BUNDLE_CONFIG_LIST", "BUNDLE_STORAGE_PATH"):
        monkeypatch.setenv(name := f"AIRFLOW__DAG_PROCESSOR__DAG_{key}", str(settings[name]))
    bundle = Bundle.of_environment()
    assert (bundle.branch, bundle.path, bundle.refresh_seconds) == ("b", "a/dags", REFRESH_SECONDS)
    assert bundle.url in bundle_list("weather", repository, team=True)


def test_airflow_is_started_with_the_tenants_code_last_on_its_path(tmp_path: Path) -> None:
    """First on it, a tenant's `json.py` would be everybody's."""
    (tmp_path / "json.py").write_text("raise SystemExit('the image was hidden')")
    (tmp_path / "own.py").write_text("print('imported', __name__)")
    program = "import sys; from ariel_runtime import patient_triggerer; import airflow.__main__; "
    program += "patient_triggerer.db.check = lambda: None; "
    program += "airflow.__main__.main = lambda: print(__import__('own') and sys.argv[1:]); "
    program += "patient_triggerer.main('commit', sys.argv.pop(1))"
    command = [sys.executable, "-c", program, str(tmp_path), "triggerer", "--capacity", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["imported own", "['triggerer', '--capacity', '3']"]
