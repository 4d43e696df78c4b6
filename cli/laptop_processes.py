"""Processes that belong together on this laptop: each in a session of its own, so that none of it outlives its stop.

`airflow standalone` does not fit: it starts the `airflow` that is first on PATH, Airflow's own DAG processor instead of
the platform's, and forgets what its parts have started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

import psutil

from cli import laptop
from cli.laptop import LaptopError
from stacks.errors import Problem

_STOP_SECONDS: Final = 20.0
_CLOCK_SECONDS: Final = 2.0
"""By how much two readings of one process's birth may differ."""
_TAIL: Final = 2000


class Processes:
    """Named processes that write into files of `folder`, and a note there of which they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._note = folder / "running.json"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._births: dict[int, float] = {}

    def start(
        self, name: str, command: list[str], environment: Mapping[str, str], cwd: Path, output: Path | None = None
    ) -> None:
        """`output` takes what it prints, where that is not for the log."""
        files = (output or self._log(name), self._log(name))
        for each in files:
            each.unlink(missing_ok=True)
        with files[0].open("ab") as printed, files[1].open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=log,
                start_new_session=True,
            )
        session = self._running[name].pid
        self._births[session] = psutil.Process(session).create_time()
        self._write_note()

    def finish(self, name: str, stopped: Event) -> None:
        """Return once that process has ended, or the event is set. Raises LaptopError where it failed."""
        while self._running[name].poll() is None and not stopped.wait(0.1):
            pass
        if self._running[name].poll() is None:
            return
        ended = self._running.pop(name)
        _kill_session(ended.pid)
        del self._births[ended.pid]
        self._write_note()
        if ended.returncode != 0:
            raise self._ended(name, "it ends well")

    def require_running(self) -> None:
        """Raises LaptopError with the last words of one that has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise self._ended(name, "it works until `ariel dev` ends")

    def stop(self) -> None:
        """Ask all to end, and end what has not soon, with all that it has started."""
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in self._running.values():
            _kill_session(process.pid)
            process.wait()
        self._running.clear()
        self._births.clear()
        self._note.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """What runs on after a parent that was killed."""
        if not self._note.exists():
            return
        for pid, created in json.loads(self._note.read_text(encoding="utf-8")).items():
            with suppress(psutil.NoSuchProcess):
                # A number that is somebody else's by now has another birth.
                if abs(psutil.Process(int(pid)).create_time() - created) < _CLOCK_SECONDS:
                    _kill_session(int(pid))
        self._note.unlink()

    def _write_note(self) -> None:
        """Whole or not at all: who is killed meanwhile leaves a note that can be read."""
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(self._births), encoding="utf-8")
        new.replace(self._note)

    def _ended(self, name: str, rule: str) -> LaptopError:
        said = self._log(name).read_text(encoding="utf-8", errors="replace").strip()[-_TAIL:]
        action = f"read all of it in {self._log(name)}"
        return LaptopError([Problem(path=name, value=said or "ended", rule=rule, action=action)])

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _kill_session(session: int) -> None:
    """Again and again until nothing is found, as a process may be starting another one."""
    while members := [pid for pid in psutil.pids() if _session(pid) == session]:
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _session(pid: int) -> int | None:
    """None for who has ended, also where its parent has not noticed yet."""
    try:
        return None if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else os.getsid(pid)
    except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
        return None


def start_airflow(processes: Processes, environment: Mapping[str, str], cwd: Path) -> None:
    """Its four parts. Logs of tasks are files that the API server reads, so nothing else serves them."""
    airflow = [sys.executable, "-m", "airflow"]
    parsing = laptop.while_parsing(environment)
    processes.start("api-server", [*airflow, "api-server"], environment, cwd)
    processes.start("scheduler", [*airflow, "scheduler", "--skip-serve-logs"], environment, cwd)
    processes.start("dag-processor", [sys.executable, "-m", "ariel_runtime.dag_processor"], parsing, cwd)
    processes.start("triggerer", [*airflow, "triggerer", "--skip-serve-logs"], environment, cwd)
