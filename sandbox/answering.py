"""Waiting for a process of the sandbox until it answers, and the one error for one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sandbox.processes import OwnedProcess
from sandbox.report import Report
from stacks.errors import MachineError, Problem

START_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.05


def await_answer(process: OwnedProcess, ready: Callable[[], bool], *, what: str, where: str, report: Report) -> None:
    """Return when `ready`; `what` it is for people, `where` its URL. Raises MachineError when it ended or is late."""
    if ready():
        return
    deadline = time.monotonic() + START_SECONDS
    with report.step(f"Start {what}"):
        while not ready():
            if not process.running():
                raise _failure(process, what, where, "ended while it started")
            if time.monotonic() > deadline:
                raise _failure(process, what, where, f"did not answer within {START_SECONDS} s")
            time.sleep(_POLL_SECONDS)


def _failure(process: OwnedProcess, what: str, where: str, how: str) -> MachineError:
    problem = Problem(
        path=str(process.log),
        value=f"{what} {how}; its log ends with:\n{process.log_tail()}",
        rule=f"it answers at {where}",
        action="run `ariel doctor`, free what the log names, and run the command again",
    )
    return MachineError([problem])
