"""A tenant's git host, served by git itself, which can be away."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ariel_runtime.git_mirror import Daemon

from tests.git_variables import git_as
from tests.ports import free_port


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, **git_as("author@example.org")}
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environment, timeout=20
    ).stdout.strip()


def eventually(happens: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.1)
    return False


class Remote:
    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        git(self.work, "init", "--quiet", "--initial-branch=main")
        self.port = free_port()
        self.url = f"git://127.0.0.1:{self.port}/.git"
        self.daemon = Daemon(self.work / ".git", self.port)
        self.write("first")

    @classmethod
    @contextmanager
    def served(cls, folder: Path) -> Iterator[Remote]:
        """One that answers while the block runs."""
        made = cls(folder)
        try:
            made.serve()
            yield made
        finally:
            made.daemon.stop()

    def serve(self) -> None:
        """Start the host; it answers when this returns."""
        self.daemon.keep_running()
        assert eventually(self._answers), "git's daemon does not listen"

    def _answers(self) -> bool:
        try:
            git(self.work, "ls-remote", self.url)
        except subprocess.CalledProcessError:
            return False
        return True

    def write(self, text: str, *options: str, file: str = "dag.py") -> str:
        """Commit the file with this text; returns the commit."""
        path = self.work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        git(self.work, "add", ".")
        git(self.work, "commit", "--quiet", "-m", "Change", *options)
        return git(self.work, "rev-parse", "HEAD")
