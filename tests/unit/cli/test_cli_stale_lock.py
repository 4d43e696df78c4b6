"""Only the lock of an engine that is surely dead is taken away."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.recovery import release_stale_lock
from stacks.errors import EngineError, Problem


class FakeEngine:
    """Counts how often it is asked to give up its lock."""

    name = "local"

    def __init__(self) -> None:
        self.released = 0

    def release_lock(self) -> None:
        self.released += 1

    def busy(self, verb: str) -> Problem:
        return Problem(path="stack local", value=verb, rule="one at a time", action="wait")


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def write(backend: Path, **lock: Any) -> None:
    folder = backend / ".pulumi" / "locks" / "organization" / "ariel" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(lock))


def test_the_lock_of_a_dead_engine_is_released(tmp_path: Path) -> None:
    write(tmp_path, pid=dead_process(), hostname=socket.gethostname())
    engine: Any = FakeEngine()
    assert release_stale_lock(engine, tmp_path)
    assert engine.released == 1


def test_a_process_id_that_somebody_else_has_now_does_not_keep_the_lock(tmp_path: Path) -> None:
    write(tmp_path, pid=os.getpid(), hostname=socket.gethostname())
    assert b"pulumi" not in Path("/proc/self/cmdline").read_bytes()
    assert release_stale_lock(FakeEngine(), tmp_path)  # type: ignore[arg-type]


def test_the_lock_of_a_living_engine_is_respected(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", "pulumi"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as living:
        write(tmp_path, pid=living.pid, hostname=socket.gethostname())
        engine: Any = FakeEngine()
        with pytest.raises(EngineError, match="one at a time"):
            release_stale_lock(engine, tmp_path)
        assert engine.released == 0
        assert living.stdin is not None
        living.stdin.close()


def test_one_living_engine_among_dead_ones_is_enough(tmp_path: Path) -> None:
    write(tmp_path, pid=dead_process(), hostname=socket.gethostname())
    write(tmp_path, pid=dead_process(), hostname="another-machine")
    engine: Any = FakeEngine()
    with pytest.raises(EngineError):
        release_stale_lock(engine, tmp_path)
    assert engine.released == 0


def test_without_a_lock_there_is_nothing_to_release(tmp_path: Path) -> None:
    engine: Any = FakeEngine()
    assert not release_stale_lock(engine, tmp_path)
    assert engine.released == 0
