"""Commands of git as a service runs them: no questions, no settings of a user, and no command that lasts for ever."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:git",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
    "LC_ALL": "C",
}
_LONGEST_SECONDS: Final = 900
"""For the first fetch of a large repository; a stalled one ends earlier, by the low speed limits."""
_TICK_SECONDS: Final = 1.0
_SETTINGS: Final = {
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "gc.autoDetach": "false",
}


class GitError(Exception):
    """A git command failed; the text is what it said."""


def git(
    folder: Path, *arguments: str, tick: Callable[[], None] = lambda: None, seconds: float = _LONGEST_SECONDS
) -> str:
    """Output of one command in `folder`; `tick` is called each second meanwhile. Raises GitError, and what `tick` does.

    Also when it has not ended after so many seconds.

    It ends with all its children, which otherwise outlive it.
    """
    settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
    process = subprocess.Popen(
        ["git", *settings, *arguments],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, complaint = _ended(process, tick, seconds)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise GitError(f"git {arguments[0]}: {complaint.strip() or process.returncode}")
    return output


def _ended(process: subprocess.Popen[str], tick: Callable[[], None], seconds: float) -> tuple[str, str]:
    for _ in range(int(seconds / _TICK_SECONDS)):
        try:
            return process.communicate(timeout=_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            tick()
    raise GitError(f"git did not end within {seconds:g} seconds")
