"""An interpreter as a child process."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
from ariel_runtime.isolated import process as process_module
from ariel_runtime.isolated.process import InterpreterError, Process
from ariel_runtime.refusal import RefusedError

from sandbox.processes import Identity
from tests.unit.runtime.git_remote import eventually

STUBBORN = """
trap '' TERM
sh -c "trap '' TERM; sleep 600" &
echo "$$ $!"
wait; wait
"""


def given(root: Path) -> str:
    return json.dumps({"root": str(root)})


def test_a_killed_interpreter_ends_with_its_children_even_if_they_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a pod whose task was killed stays until its time is over."""
    monkeypatch.setattr(process_module, "_GRACE_SECONDS", 0.2)
    lines: list[str] = []
    process = Process("sh", lines.append)

    def kill() -> None:
        while not lines:
            time.sleep(0.01)
        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(InterpreterError, match="signal 9"):
        process.run(STUBBORN, given(tmp_path))
    killer.join()
    for each in lines[0].split():
        assert eventually(lambda process=int(each): Identity.of(process) is None)  # type: ignore[misc]


def test_a_line_without_an_end_is_cut_and_the_error_has_the_last_lines_only(tmp_path: Path) -> None:
    """Otherwise what an interpreter prints decides how much memory the task needs."""
    lines: list[str] = []
    script = "head -c 100000 /dev/zero | tr '\\0' x\necho\nseq 1000\nexit 1\n"
    with pytest.raises(InterpreterError) as raised:
        Process("sh", lines.append).run(script, given(tmp_path))
    assert max(map(len, lines)) <= 8192
    assert str(raised.value).splitlines()[1:] == [str(number) for number in range(981, 1001)]


def test_a_result_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "_LARGEST_RESULT", 10)
    with pytest.raises(RefusedError, match="put what is larger into storage"):
        Process("sh", print).run('printf %20d 1 > "$ARIEL_RESULT"', given(tmp_path))


def test_the_files_are_the_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    """The input may hold passwords."""
    lines: list[str] = []
    Process("sh", lines.append).run('stat -c %a "$(dirname "$ARIEL_INPUT")"; echo "$ARIEL_INPUT"', given(tmp_path))
    assert lines[0] == "700"
    assert not os.path.exists(lines[1])


def test_an_interpreter_works_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "data.json").write_text('{"a": 1}')
    assert Process("sh", print).run('cat include/data.json > "$ARIEL_RESULT"', given(tmp_path)) == {"a": 1}
