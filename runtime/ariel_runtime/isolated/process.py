"""An interpreter as a child process: it gets files, never arguments or variables, and ends with its whole family.

Imports no Airflow: a container that was started for one script runs this as well.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from ariel_runtime.refusal import Problem, RefusedError

ENVIRONMENTS: Final = "ARIEL_ENVIRONMENTS"
"""Folder of the interpreters that an image was built with, if it is another than the usual one."""
_USUAL: Final = "/opt/environments"
INPUT: Final = "ARIEL_INPUT"
RESULT: Final = "ARIEL_RESULT"
"""Variables by which the interpreter finds its two files."""
_KEPT_BACK: Final = ("AIRFLOW", "_AIRFLOW", "__AIRFLOW", "PYTHON", "VIRTUAL_ENV")
"""Beginnings of variables that are Airflow's or of its Python; a foreign Python would be led astray by the latter."""
_LONGEST_LINE: Final = 8192
_LAST_LINES: Final = 20
_LARGEST_RESULT: Final = 16 * 2**20
"""Bytes; Airflow keeps results in its database."""
_GRACE_SECONDS: Final = 5


class InterpreterError(Exception):
    """The interpreter ended with an error; the text has the end of what it said."""


class Process:
    """One run of an interpreter. `echo` is called with each line that it prints."""

    def __init__(self, environment: str, echo: Callable[[str], None]) -> None:
        self.environment = environment
        self._echo = echo
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, script: str, given: str) -> Any:
        """The result, None where the interpreter wrote none. Raises InterpreterError, RefusedError."""
        command = interpreter(self.environment)
        with tempfile.TemporaryDirectory(prefix="isolated-") as folder:
            source, entered, result = (Path(folder, name) for name in ("script", "input.json", "result.json"))
            source.write_text(script, encoding="utf-8")
            entered.write_text(given, encoding="utf-8")
            result.touch()
            self._wait([command, str(source)], {INPUT: str(entered), RESULT: str(result)}, json.loads(given)["root"])
            return _read(result)

    def kill(self) -> None:
        """End the interpreter and whatever it started: first asked, then made to."""
        child = self._child
        if child is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.wait(_GRACE_SECONDS)
            os.killpg(child.pid, signal.SIGKILL)

    def _wait(self, command: list[str], files: dict[str, str], root: str) -> None:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_KEPT_BACK)}
        self._child = subprocess.Popen(
            command,
            cwd=root,
            env={**inherited, **files},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._child.stdout is not None
        try:
            last = self._echoed(self._child.stdout)
            code = self._child.wait()
        finally:
            self.kill()
            self._child.wait()
            self._child.stdout.close()
        if code:
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            raise InterpreterError("\n".join([f"{self.environment} ended with {how}. Its last lines:", *last]))

    def _echoed(self, stream: IO[bytes]) -> deque[str]:
        last: deque[str] = deque(maxlen=_LAST_LINES)
        while line := stream.readline(_LONGEST_LINE):
            text = line.decode(errors="replace").rstrip()
            last.append(text)
            self._echo(text)
        return last


def interpreter(environment: str) -> str:
    """Path of the program: an interpreter of the image, else a command. Raises RefusedError."""
    folder = os.environ.get(ENVIRONMENTS, _USUAL)
    built = Path(folder, environment, "bin", "python")
    found = str(built) if built.exists() else shutil.which(environment)
    if found is None:
        raise RefusedError(
            [
                Problem(
                    path="environment",
                    value=environment,
                    rule="an interpreter built into the image, or a command that it has",
                    action=f"add it to environments/{environment}/ or the image's packages.txt, and build the image; "
                    "on a laptop install a command of that name",
                )
            ]
        )
    return found


def _read(result: Path) -> Any:
    size = result.stat().st_size
    if size > _LARGEST_RESULT:
        raise RefusedError([_no_result(f"{size} bytes", f"at most {_LARGEST_RESULT} bytes")])
    text = result.read_bytes()
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise RefusedError([_no_result(text[:80].decode(errors="replace"), "JSON in UTF-8")]) from None


def _no_result(value: str, rule: str) -> Problem:
    return Problem(
        path="the interpreter's result",
        value=value,
        rule=rule,
        action="write JSON to the file that ARIEL_RESULT names; put what is larger into storage and give its address",
    )
