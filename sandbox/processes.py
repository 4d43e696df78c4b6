"""A process of the sandbox that outlives the command that started it, and that only its own record may stop.

The record holds process id, start time and boot id: an id that the kernel has since given to somebody else's process
does not match, so it is never signalled. Linux only (`/proc`, pidfd).
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KILL_GRACE_SECONDS: Final = 5.0
"""How long the kernel may take to end a process after SIGKILL before we say that it cannot be ended."""

_GO_LAST_WORDS: Final = ("panic: ", "fatal error: ")
"""What a program in Go prints before the stack traces with which its log ends."""

_LINE_LENGTH: Final = 300
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """What makes a process id unique: the id, its start in clock ticks since boot, and which boot."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The identity of a live process; None when there is none or it is a zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # proc(5): the second field is the command in brackets and may hold spaces, so count from the last bracket.
        fields = stat[stat.rindex(")") + 2 :].split()
        state, started = fields[0], int(fields[19])
        return None if state in "ZX" else cls(pid, started, _BOOT_ID.read_text().strip())


@dataclass
class OwnedProcess:
    """One named process with its record file and its log file."""

    name: str
    record: Path
    log: Path
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _log_start: int = field(default=0, repr=False)

    def start(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it in `folder`, in a session of its own, output appended to the log. The caller checks `running`."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.seek(0, os.SEEK_END)
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        identity = Identity.of(self._child.pid)
        if identity is not None:
            partial = self.record.with_suffix(".partial")
            partial.write_text(json.dumps(vars(identity)))
            partial.replace(self.record)

    def identity(self) -> Identity | None:
        """The recorded process if it still is the one that was started; None otherwise."""
        try:
            recorded = Identity(**json.loads(self.record.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return None  # A record that was cut by a full disk names no process.
        return recorded if Identity.of(recorded.pid) == recorded else None

    def running(self) -> bool:
        """Whether the process that was started is alive."""
        return self.identity() is not None

    def resident_bytes(self) -> int:
        """Memory that it holds now, in bytes; 0 when it does not run."""
        identity = self.identity()
        if identity is None:
            return 0
        pages = int(Path(f"/proc/{identity.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self, grace_seconds: float) -> None:
        """End it: SIGTERM, then SIGKILL after the grace. Does nothing when it does not run."""
        identity = self.identity()
        if identity is not None:
            self._end(identity, grace_seconds)
        if self._child is not None:
            self._child.wait(KILL_GRACE_SECONDS)
            self._child = None
        self.record.unlink(missing_ok=True)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of its log for an error message: of this start, long lines cut, Go's stack traces left out."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            said = log.read().decode(errors="replace").splitlines()
        last_words = [index for index, line in enumerate(said) if line.startswith(_GO_LAST_WORDS)]
        if last_words:
            said = said[: last_words[-1] + 1]
        return "\n".join(line[:_LINE_LENGTH] for line in said[-lines:])

    def _end(self, identity: Identity, grace_seconds: float) -> None:
        try:
            handle = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        try:
            # The handle now pins one process: compare again, so that a re-used id cannot slip in between.
            if Identity.of(identity.pid) != identity:
                return
            for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, KILL_GRACE_SECONDS)):
                signal.pidfd_send_signal(handle, number)
                if select.select([handle], [], [], seconds)[0]:
                    return
            raise TimeoutError(f"{self.name} (process {identity.pid}) did not end after SIGKILL")
        except ProcessLookupError:
            return
        finally:
            os.close(handle)
