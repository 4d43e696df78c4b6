"""The files that probes look at."""

from __future__ import annotations

import os
from pathlib import Path

from ariel_runtime.life import Life


def test_a_command_is_not_ready_before_it_says_so(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.beat()
    assert [file.name for file in tmp_path.iterdir()] == ["heartbeat"]
    life.ready()
    assert (tmp_path / "ready").exists()


def test_a_command_that_can_no_longer_work_is_taken_out_of_service(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ready()
    life.ready(False)
    life.ready(False)
    assert not (tmp_path / "ready").exists()


def test_each_turn_makes_the_heartbeat_young_again(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.beat()
    os.utime(tmp_path / "heartbeat", (0, 0))
    life.beat()
    assert (tmp_path / "heartbeat").stat().st_mtime > 0
