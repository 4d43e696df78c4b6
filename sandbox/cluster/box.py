"""The first process of the node: makes its namespaces, runs its programs, and takes all of it along when it ends.

Runs by its path with the standard library only (`python -I box.py SPECIFICATION`), so that it stays small. Owns the
private mounts and the life of the programs. Does not own their settings (`sandbox.cluster.node`) nor the link to the
host (`sandbox.cluster.link`), for which it waits.

The outer process stays in the host's process namespace, so that its record names it; the inner one is process 1 of the
node's. When either ends, the kernel ends every program and container, and mounts, bridges and firewall tables go with
the namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

HOME: Final = Path("/run/node")
"""Where the node's folder is mounted in the node: short, since paths of sockets may have 107 bytes (unix(7))."""

LOGS: Final = HOME / "logs"

STOP_SECONDS: Final = 10.0
"""How long containers and programs may take to end before the kernel ends them."""

RESTART_SECONDS: Final = 1.0

PRIVATE_SETTINGS: Final = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What kubelet wants of the kernel (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables).

They would change the whole machine, so kubelet is shown files that say so already.
"""

# sched.h, sys/mount.h, sys/prctl.h
_NEW_NAMESPACES: Final = 0x00020000 | 0x20000000 | 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Program(NamedTuple):
    """One program of the node; its output goes to `<name>.log` in LOGS."""

    name: str
    command: list[str]
    environment: dict[str, str]


def main() -> NoReturn:
    """Build the box that the file named in the arguments describes, and stay until SIGTERM."""
    specification = json.loads(Path(sys.argv[1]).read_text())
    programs = [Program(*program) for program in specification["programs"]]
    isolate()
    inner = os.fork()
    if inner == 0:
        _check(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
        mount_private(specification["folder"])
        _Init(programs).run()
    signal.signal(signal.SIGTERM, lambda *_: os.kill(inner, signal.SIGTERM))
    _, status = os.waitpid(inner, 0)
    sys.exit(os.waitstatus_to_exitcode(status) and 1)


def isolate() -> None:
    """Leave the host's mount, network and (for children) process namespace; mounts no longer spread to the host."""
    _check(_LIBC.unshare(_NEW_NAMESPACES), "unshare")
    mount("none", "/", None, _MS_REC | _MS_PRIVATE)


def mount_private(home: str) -> None:
    """The node's own view: /proc, an empty /run with the node's folder in it, and a /var whose changes are lost."""
    # Opened first: it may be below what is covered next.
    folder = os.open(home, os.O_PATH)
    mount("proc", "/proc", "proc")
    mount("tmpfs", "/run", "tmpfs", data="mode=755")
    HOME.mkdir()
    mount(f"/proc/self/fd/{folder}", str(HOME), None, _MS_BIND)
    os.close(folder)
    os.chdir("/")
    # kubelet writes to fixed places below /var.
    upper, work = Path("/run/var/upper"), Path("/run/var/work")
    for made in (upper, work):
        made.mkdir(parents=True)
    mount("overlay", "/var", "overlay", data=f"lowerdir=/var,upperdir={upper},workdir={work}")
    for name, value in PRIVATE_SETTINGS.items():
        shown = Path("/run/kernel") / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        mount(str(shown), f"/proc/sys/{name}", None, _MS_BIND)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    """mount(2). Raises OSError that names the target."""
    arguments = [None if text is None else text.encode() for text in (source, target, kind)]
    _check(_LIBC.mount(*arguments, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class _Init:
    """Process 1: starts the programs, starts again what ends, reaps what its parent left, ends all at SIGTERM."""

    def __init__(self, programs: list[Program]) -> None:
        self._programs = programs
        self._running: dict[int, Program] = {}

    def run(self) -> NoReturn:
        """Never returns; exit status 0 after SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            _await_link()
            for program in self._programs:
                self._start(program)
            while True:
                self._reap()
        finally:
            self._end()

    def _start(self, program: Program) -> None:
        # Not `subprocess`, which may reap a program before `_reap` sees that it ended.
        log = str(LOGS / f"{program.name}.log")
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        command = program.command
        pid = os.posix_spawn(command[0], command, program.environment, file_actions=files, setsid=True)
        self._running[pid] = program

    def _reap(self) -> None:
        pid, _ = os.wait()
        ended = self._running.pop(pid, None)
        if ended is not None:
            time.sleep(RESTART_SECONDS)
            self._start(ended)

    def _end(self) -> NoReturn:
        """Programs first, in reverse order, so that nobody starts a container anew; then everything that is left."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        deadline = time.monotonic() + STOP_SECONDS
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        try:
            os.kill(-1, signal.SIGTERM)
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.05)
        except (ChildProcessError, ProcessLookupError):
            pass
        os._exit(0)


def _await_link() -> None:
    """The host gives the link last its default route (proc(5), net/route: destination 0)."""
    while not any(line.split()[1] == "00000000" for line in Path("/proc/net/route").read_text().splitlines()[1:]):
        time.sleep(0.02)


if __name__ == "__main__":
    main()
