"""Processes and ports: only our own are ended, they outlive the command, and addresses stay."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.locks import exclusive
from sandbox.ports import KeptPorts
from sandbox.processes import Identity, OwnedProcess
from sandbox.report import LineReport

SLEEPER = ("sleep", "300")
# Says when its handler is in place, so that no signal comes before.
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)",
)


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedProcess]:
    process = OwnedProcess("sleeper", tmp_path / "run" / "sleeper.json", tmp_path / "logs" / "sleeper.log")
    yield process
    process.stop(0.1)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER) as process:
        yield process
        process.kill()


def test_a_started_process_runs_until_it_is_stopped(owned: OwnedProcess, tmp_path: Path) -> None:
    _start(owned, tmp_path)
    assert owned.running()
    assert owned.resident_bytes() > 0
    owned.stop(5)
    assert not owned.running()
    assert not owned.record.exists()


def test_a_process_outlives_the_command_that_started_it(owned: OwnedProcess, tmp_path: Path) -> None:
    command = (
        "from pathlib import Path; from sandbox.processes import OwnedProcess; "
        f"OwnedProcess('sleeper', Path({str(owned.record)!r}), Path({str(owned.log)!r}))"
        f".start({SLEEPER!r}, folder=Path({str(tmp_path)!r}), environment={{'PATH': '/usr/bin:/bin'}})"
    )
    subprocess.run([sys.executable, "-c", command], check=True)
    assert owned.running()


def test_ctrl_c_in_the_terminal_does_not_reach_the_sandbox(owned: OwnedProcess, tmp_path: Path) -> None:
    _start(owned, tmp_path)
    identity = owned.identity()
    assert identity is not None
    assert os.getpgid(identity.pid) == os.getsid(identity.pid) == identity.pid


def test_a_process_that_ignores_the_request_to_end_is_killed(owned: OwnedProcess, tmp_path: Path) -> None:
    _start(owned, tmp_path, STUBBORN)
    _until(lambda: "deaf" in owned.log_tail())
    owned.stop(0.2)
    assert not owned.running()


@pytest.mark.parametrize("changed", [{"started": 1}, {"boot": "another"}])
def test_a_strangers_process_with_the_recorded_id_is_never_ended(
    owned: OwnedProcess, stranger: subprocess.Popen[bytes], changed: dict[str, object]
) -> None:
    identity = Identity.of(stranger.pid)
    assert identity is not None
    owned.record.parent.mkdir(parents=True)
    owned.record.write_text(json.dumps(vars(identity) | changed))
    assert not owned.running()
    owned.stop(0.1)
    assert stranger.poll() is None


def test_a_process_that_died_is_seen_before_its_parent_collects_it(owned: OwnedProcess, tmp_path: Path) -> None:
    _start(owned, tmp_path, ("false",))
    _until(lambda: not owned.running())


def test_a_record_that_was_cut_names_no_process(owned: OwnedProcess) -> None:
    owned.record.parent.mkdir(parents=True)
    owned.record.write_text('{"pid": 1')
    assert not owned.running()


def test_stopping_what_does_not_run_does_nothing(owned: OwnedProcess) -> None:
    owned.stop(0.1)
    assert not owned.running()


def test_the_log_keeps_an_earlier_run_but_a_message_quotes_only_this_one(owned: OwnedProcess, tmp_path: Path) -> None:
    for word in ("first", "second"):
        _start(owned, tmp_path, ("echo", word))
        _until(lambda: not owned.running())
    _until(lambda: owned.log.read_text() == "first\nsecond\n")
    assert owned.log_tail() == "second"


def test_a_message_quotes_what_a_go_program_said_last_and_not_its_stack_trace(
    owned: OwnedProcess, tmp_path: Path
) -> None:
    trace = "goroutine 1 [running]:\nmain.main()\n" * 20
    _start(owned, tmp_path, ("printf", "%s", f"disk full\npanic: cannot write\n\n{trace}"))
    _until(lambda: "main.main" in owned.log.read_text())
    assert owned.log_tail() == "disk full\npanic: cannot write"


def test_a_port_is_chosen_once_and_kept(tmp_path: Path) -> None:
    first = KeptPorts(tmp_path / "ports.json").get("api")
    assert KeptPorts(tmp_path / "ports.json").get("api") == first
    assert first in ports.RANGE


def test_two_names_never_get_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(21_000, 21_030))
    kept = KeptPorts(tmp_path / "ports.json")
    chosen = [kept.get(str(number)) for number in range(10)]
    assert len(set(chosen)) == 10


def test_a_new_choice_leaves_the_other_ports_alone(tmp_path: Path) -> None:
    kept = KeptPorts(tmp_path / "ports.json")
    api, manager = kept.get("api"), kept.get("manager")
    assert kept.choose("api") not in (api, manager) or kept.get("api") == api
    assert kept.get("manager") == manager


def test_a_busy_port_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.busy(port)
        assert ports.holder(port).startswith(f"process {os.getpid()} (")
    assert not ports.busy(port)


def test_who_comes_second_waits_and_is_told(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def first() -> None:
        with exclusive(tmp_path / "lock", "the first", LineReport()):
            entered.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with (tmp_path / "report").open("w") as stream, exclusive(tmp_path / "lock", "the first", LineReport(stream)):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert "Waiting for the first" in (tmp_path / "report").read_text()


def _start(owned: OwnedProcess, folder: Path, command: tuple[str, ...] = SLEEPER) -> None:
    owned.start(command, folder=folder, environment={"PATH": "/usr/bin:/bin"})


def _until(condition: object) -> None:
    assert callable(condition)
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
