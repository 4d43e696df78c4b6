"""`python -m ariel_runtime.git_mirror`: serves one branch of a tenant's repository inside the cluster, read-only.

A bare repository is kept equal to the remote's branch, and `git daemon` serves it. What is there stays served while the
remote is away or the branch is gone there; a mirror that cannot be read any more is fetched anew beside the old one.
Only this branch is fetched, since the other references of a public host are everybody's (`refs/pull/*`).

Environment: ARIEL_REPOSITORY_URL (without user name and password), ARIEL_REPOSITORY_BRANCH, ARIEL_MIRROR_FOLDER (the
repository; its parent is writable), ARIEL_MIRROR_PORT, ARIEL_MIRROR_STATE_PORT, ARIEL_POLL_SECONDS.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ariel_runtime.git import ENVIRONMENT, GitError, git
from ariel_runtime.json_logs import log_as_json
from ariel_runtime.life import Life
from ariel_runtime.mirror_state import MirrorState, answering

_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE: Final = 300.0
_TICK_SECONDS: Final = 1.0
_MOST_READERS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Settings:
    url: str
    branch: str
    folder: Path
    port: int
    """Of git's daemon."""
    state_port: int
    """Where the API server asks; see `mirror_state`."""
    poll_seconds: float

    @classmethod
    def of_environment(cls) -> Settings:
        """KeyError where a variable is missing; ValueError, without the URL, where that holds a credential."""
        url = os.environ["ARIEL_REPOSITORY_URL"]
        parts = urlsplit(url)
        if parts.password or (parts.username and parts.scheme != "ssh"):
            # git repeats a URL in its messages, and its helpers show it in their arguments.
            raise ValueError("ARIEL_REPOSITORY_URL holds a user name or password; mirrored repositories need none")
        return cls(
            url=url,
            branch=os.environ["ARIEL_REPOSITORY_BRANCH"],
            folder=Path(os.environ["ARIEL_MIRROR_FOLDER"]),
            port=int(os.environ["ARIEL_MIRROR_PORT"]),
            state_port=int(os.environ["ARIEL_MIRROR_STATE_PORT"]),
            poll_seconds=float(os.environ["ARIEL_POLL_SECONDS"]),
        )


class Mirror:
    """The bare repository. `tick` is called each second while git works."""

    def __init__(self, settings: Settings, tick: Callable[[], None]) -> None:
        self._url, self._folder = settings.url, settings.folder
        self._reference = f"refs/heads/{settings.branch}"
        self._branch = settings.branch
        self._tick = tick

    def prepare(self) -> None:
        """Make an empty repository where there is none, so that it can be served."""
        if not (self._folder / "HEAD").exists():
            self._create(self._folder)

    def is_sound(self) -> bool:
        """Whether all objects can be read; a container that was killed while it wrote may leave broken ones."""
        try:
            self._git(self._folder, "fsck", "--no-dangling", "--no-progress")
        except GitError as error:
            _LOG.warning("The mirror is broken: %s", error)
            return False
        return True

    def update(self) -> None:
        """Fetch the branch, into a new repository if this one cannot take it. Raises GitError."""
        try:
            self._fetch(self._folder)
        except GitError:
            # Where the remote still names the branch, it is the mirror that fails.
            self._git(self._folder.parent, "ls-remote", "--exit-code", self._url, self._reference)
            _LOG.warning("The mirror cannot be updated, though the remote answers; fetching anew")
            self.replace()

    def replace(self) -> None:
        """Put a newly fetched repository in this one's place. Raises GitError; then this one stays."""
        new, old = (self._folder.with_name(f"{self._folder.name}.{end}") for end in ("new", "old"))
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        self._create(new)
        self._fetch(new)
        if self._folder.exists():
            self._folder.rename(old)
        new.rename(self._folder)
        shutil.rmtree(old, ignore_errors=True)

    def commit(self) -> str:
        """The commit that is served; empty before the first fetch."""
        try:
            return self._git(self._folder, "for-each-ref", "--format=%(objectname)", self._reference).strip()
        except GitError:
            return ""

    def _create(self, folder: Path) -> None:
        command = ("init", "--quiet", "--bare", f"--initial-branch={self._branch}", "--template=", str(folder))
        self._git(folder.parent, *command)

    def _fetch(self, folder: Path) -> None:
        self._git(folder, "fetch", "--quiet", "--no-tags", self._url, f"+{self._reference}:{self._reference}")

    def _git(self, folder: Path, *arguments: str) -> str:
        return git(folder, *arguments, tick=self._tick)


class Daemon:
    """`git daemon` for the one repository; pushing is off in it unless somebody switches it on."""

    def __init__(self, folder: Path, port: int) -> None:
        programs = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
        options = ["--reuseaddr", "--export-all", "--strict-paths", "--init-timeout=10", "--timeout=120"]
        self._command = [
            f"{programs}/git-daemon",
            *options,
            f"--max-connections={_MOST_READERS}",
            f"--port={port}",
            f"--base-path={folder.parent}",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def keep_running(self) -> None:
        """Start it, and start it again if it has ended."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            _LOG.error("git daemon ended with status %s; starting it again", self._process.returncode)
        self._process = subprocess.Popen(self._command, env={**os.environ, **ENVIRONMENT})

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def run(settings: Settings, life: Life, stop: threading.Event) -> None:
    """Serve and follow until `stop` is set."""
    daemon = Daemon(settings.folder, settings.port)

    def tick() -> None:
        if stop.is_set():
            raise InterruptedError
        daemon.keep_running()
        life.beat()

    mirror, state = Mirror(settings, tick), MirrorState()
    try:
        mirror.prepare()
        tick()
        with answering(state, settings.state_port):
            refresh = mirror.update if mirror.is_sound() else mirror.replace
            failures = 0
            while not stop.is_set():
                failures = 0 if _refreshed(mirror, refresh, state) else failures + 1
                if not failures:
                    refresh = mirror.update
                _pause(min(2.0**failures, _LONGEST_PAUSE) if failures else settings.poll_seconds, tick, state)
    except InterruptedError:
        pass
    finally:
        daemon.stop()


def _refreshed(mirror: Mirror, refresh: Callable[[], None], state: MirrorState) -> bool:
    state.fetch_begins()
    before = mirror.commit()
    try:
        refresh()
    except GitError as error:
        _LOG.error("Still serving %s: %s", before or "an empty repository", error)
        state.fetch_ended(before, str(error))
        return False
    if (now := mirror.commit()) != before:
        _LOG.info("Serving %s", now)
    state.fetch_ended(now)
    return True


def _pause(seconds: float, tick: Callable[[], None], state: MirrorState) -> None:
    """Until the next poll, or until somebody asks for it."""
    while seconds > 0 and not state.wait_until_wanted(min(seconds, _TICK_SECONDS)):
        seconds -= _TICK_SECONDS
        tick()


def main() -> int:
    log_as_json()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Settings.of_environment(), Life(), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
