"""`python -m ariel_runtime.triggerer ARGUMENT...`: `airflow triggerer` with the tenant's own code on its import path.

Airflow's triggerer knows no bundles: a trigger written in a tenant's repository could not be imported. Each revision is
fetched from the tenant's mirror into a folder of its own, and a new one restarts the triggerer, since a process never
imports a module twice. Triggers continue where they were: they are rows in the database. A triggerer that ends by
itself ends the pod, unless there is a newer revision: then it may have ended for want of that.

Reads the tenant's bundle from AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST, as the DAG processor does, and keeps the
revisions below AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH. Does not import Airflow itself.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ariel_runtime.git import GitError, git
from ariel_runtime.json_logs import log_as_json

COMMAND: Final = (sys.executable, "-m", "ariel_runtime.patient_triggerer")

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 5.0
_END_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The tenant's repository as its mirror serves it."""

    url: str
    branch: str
    path: str
    refresh_seconds: float
    folder: Path
    """Where its revisions are kept."""

    @classmethod
    def of_environment(cls) -> Bundle:
        """KeyError or ValueError where the settings are not those of one tenant."""
        (bundle,) = json.loads(os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
        arguments = bundle["kwargs"]
        return cls(
            url=arguments["repo_url"],
            branch=arguments["tracking_ref"],
            path=arguments["subdir"],
            refresh_seconds=float(arguments["refresh_interval"]),
            folder=Path(os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"]) / "triggerer",
        )

    def newest(self) -> str:
        """The commit that the mirror serves. Raises GitError."""
        found = git(self.folder, "ls-remote", "--exit-code", self.url, f"refs/heads/{self.branch}")
        return found.partition("\t")[0]

    def fetch(self, commit: str) -> Path:
        """The folder of a revision's DAGs; other revisions are removed. Raises GitError."""
        target = self.folder / commit
        if not target.exists():
            draft = self.folder / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            git(self.folder, "clone", "--quiet", "--depth=1", f"--branch={self.branch}", self.url, str(draft))
            draft.rename(target)
        return target / self.path

    def keep_only(self, commit: str) -> None:
        for other in self.folder.iterdir():
            if other.name != commit:
                shutil.rmtree(other, ignore_errors=True)


def run(bundle: Bundle, arguments: Sequence[str], stop: threading.Event) -> int:
    """Keep a triggerer of the newest revision until `stop` is set or it ends by itself; its exit status."""
    bundle.folder.mkdir(parents=True, exist_ok=True)
    running = ""
    process: subprocess.Popen[bytes] | None = None
    try:
        while not stop.is_set():
            status = None if process is None else process.poll()
            try:
                if (newest := bundle.newest()) != running:
                    path = bundle.fetch(newest)
                    _end(process)
                    process = subprocess.Popen([*COMMAND, newest, str(path), "triggerer", *arguments])
                    status = None
                    bundle.keep_only(newest)
                    running = newest
                    _LOG.info("Running triggers of revision %s", newest)
            except GitError as error:
                _LOG.error("Still running triggers of %s: %s", running or "no revision", error)
            if status is not None:
                _LOG.error("The triggerer ended by itself")
                return status
            _wait(bundle.refresh_seconds if running else _RETRY_SECONDS, process, stop)
    finally:
        _end(process)
    return 0


def _wait(seconds: float, process: subprocess.Popen[bytes] | None, stop: threading.Event) -> None:
    """Until the time has passed, the process has ended or `stop` is set."""
    while seconds > 0 and not stop.wait(min(seconds, 1.0)) and (process is None or process.poll() is None):
        seconds -= 1.0


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """Let it give its triggers back, within a time."""
    if process is None:
        return
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(arguments: Sequence[str]) -> int:
    log_as_json()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return run(Bundle.of_environment(), arguments, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
