"""`python -m sandbox.postgres.supervisor COMMAND...`: keeps one server running, and ends it when told to.

The command (sandbox.postgres.tree) makes a process namespace whose first process is the postmaster. If that ends, by
whatever means, everything of it is gone, and it is started anew. SIGTERM ends it as `pg_ctl stop -m fast` does; if this
process is killed, the server dies with it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Final

from sandbox.postgres.process_namespace import first

RESTART_SECONDS: Final = 0.1
_SLOWEST_RESTART_SECONDS: Final = 5.0
_HEALTHY_SECONDS: Final = 2.0
"""Who ran that long did not fail at its start."""

_ASK_SECONDS: Final = 0.2


def supervise(command: list[str]) -> None:
    """Return once the server was asked to end and has."""
    told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGTERM, lambda *_: None)
    pause = RESTART_SECONDS
    while True:
        begun = time.monotonic()
        # The signal that this process's death sends is kept over exec, and `unshare` passes its own on.
        with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command]) as server:
            handle = os.pidfd_open(server.pid)
            if told in select.select([handle, told], [], [])[0]:
                _end(server.pid, handle)
                return
            os.close(handle)
        pause = (
            RESTART_SECONDS if time.monotonic() - begun > _HEALTHY_SECONDS else min(2 * pause, _SLOWEST_RESTART_SECONDS)
        )
        print(f"the server ended with status {server.returncode}; starting it again", flush=True)
        if select.select([told], [], [], pause)[0]:
            return


def _end(parent: int, handle: int) -> None:
    """Fast shutdown; asked again, because one that is still starting may not have heard."""
    while not select.select([handle], [], [], 0)[0]:
        postmaster = first(parent)
        if postmaster is not None:
            os.kill(postmaster, signal.SIGINT)
        select.select([handle], [], [], _ASK_SECONDS)


if __name__ == "__main__":
    supervise(sys.argv[1:])
