"""One PostgreSQL server: its folder, its configuration, its process.

`<folder>/server.json` says what it shall be; `home/` is all that its processes see: `data/`, `run/`, `tls/`. Does not
own which servers there are (`sandbox.postgres.servers`), nor who may sign in (`sandbox.postgres.sign_in`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sandbox.paths import REPOSITORY
from sandbox.pki import KeyPair
from sandbox.postgres import settings
from sandbox.postgres.addresses import hold, release
from sandbox.postgres.process_namespace import child, first, members
from sandbox.postgres.tree import ENVIRONMENT, HOME, Tree
from sandbox.processes import OwnedProcess
from stacks.errors import MachineError, Problem

START_SECONDS: Final = 60.0
"""A start takes half a second, recovery after a crash under load a few; more is a failure."""

STOP_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_COMMAND_SECONDS: Final = 120.0
_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.sql")
_DATA: Final = f"{HOME}/data"
# The tree has no libc locale en_US; ICU's sorts as people in Azure see it. libc's is C.
_LOCALE: Final = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")


class CommandFailedError(Exception):
    """A program of PostgreSQL failed; the text is what it said."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a server shall be. `parameters` are PostgreSQL's own by name; `wanted` False: it is stopped on purpose."""

    name: str
    host: str
    sku: str
    parameters: Mapping[str, str]
    address: str = ""
    wanted: bool = True
    made: bool = False


class Server:
    """The server of one folder. `tree` is not needed to look at it or to end it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.process = OwnedProcess(f"postgres-{folder.name}", folder / "process.json", folder / "server.log")
        self._description = folder / "server.json"

    def description(self) -> Description | None:
        """None when there is no such server, or its creation was cut off before anything was written."""
        try:
            return Description(**json.loads(self._description.read_text()))
        except FileNotFoundError:
            return None

    def describe(self, description: Description) -> None:
        partial = self._description.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(description), indent=2))
        partial.replace(self._description)

    def initialize(self, tree: Tree, certificate: KeyPair) -> None:
        """An empty data folder, in place of whatever an earlier attempt left."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        os.chown(self.home, *tree.owner)
        options = ("-D", _DATA, "-U", settings.ADMINISTRATOR, "--auth=peer", "--data-checksums", "--no-sync")
        self._run(tree, "initdb", *options, *_LOCALE)
        for folder in ("run", "tls"):
            (self.home / folder).mkdir(mode=0o700)
            os.chown(self.home / folder, *tree.owner)
        self._write(tree, "tls/server.crt", certificate.certificate.read_text())
        self._write(tree, "tls/server.key", certificate.key.read_text())

    def configure(self, tree: Tree, sign_in_port: int) -> None:
        """Write the configuration as described; a running server takes up what it can. A wrong one changes nothing."""
        wanted = self.description()
        assert wanted is not None
        secure = wanted.parameters.get(settings.AUTHORIZED_BY_ADDRESS, "on") == "on"
        text = settings.configuration(wanted.name, wanted.address, wanted.parameters, tree.libraries)
        file = self.home / "data" / "postgresql.conf"
        before = file.read_text()
        self._write(tree, "data/postgresql.conf", text)
        try:
            self._run(tree, "postgres", "-D", _DATA, "-C", "port")
        except CommandFailedError:
            self._write(tree, "data/postgresql.conf", before)
            raise
        self._write(tree, "data/pg_hba.conf", settings.access(wanted.name, sign_in_port, secure_only=secure))
        self._write(tree, "data/pg_ident.conf", settings.identities())
        postmaster = self.postmaster()
        if postmaster is not None:
            os.kill(postmaster, signal.SIGHUP)

    def bootstrap(self, tree: Tree) -> None:
        """What Azure adds to a new server."""
        self.sql(tree, _BOOTSTRAP.read_text())

    def start(self, tree: Tree) -> None:
        """Start it unless it runs, and return when it answers. Raises MachineError."""
        described = self.description()
        assert described is not None
        if not self.process.running():
            hold(described.address)
            command = [sys.executable, "-m", "sandbox.postgres.supervisor"]
            command += tree.command(self.home, "postgres", "-D", _DATA)
            environment = {**ENVIRONMENT, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
            self.process.start(command, folder=self.folder, environment=environment)
        self.wait(tree)

    def wait(self, tree: Tree) -> None:
        """Return when it answers. Raises MachineError."""
        deadline = time.monotonic() + START_SECONDS
        while not self.answers(tree):
            if not self.process.running() or time.monotonic() > deadline:
                problem = Problem(
                    path=str(self.process.log),
                    value=f"PostgreSQL server {self.folder.name} does not answer; its log ends with:\n"
                    f"{self.process.log_tail()}",
                    rule=f"it answers within {START_SECONDS:.0f} s",
                    action="free what the log names, and run the command again",
                )
                raise MachineError([problem])
            time.sleep(_POLL_SECONDS)

    def answers(self, tree: Tree) -> bool:
        """Whether it runs and takes connections."""
        if self.postmaster() is None:
            return False
        try:
            self._run(tree, "pg_isready", "--quiet", *_connection("postgres"))
        except CommandFailedError:
            return False
        return True

    def stop(self) -> None:
        """End it, connections too; data stays."""
        if self.process.running():
            self.resume()
        self.process.stop(STOP_SECONDS)
        described = self.description()
        if described is not None and described.address:
            release(described.address)

    def tell(self, tree: Tree, directory: Mapping[str, str]) -> None:
        """Let `pgaadauth_create_principal` find these principals: name -> object id."""
        text = json.dumps(directory, sort_keys=True)
        file = self.home / "directory.json"
        if not file.exists() or file.read_text() != text:
            self._write(tree, file.name, text)

    def sql(self, tree: Tree, script: str, *, database: str = "postgres", **variables: str) -> str:
        """Run a script as the superuser, statement by statement; `:'name'` stands for a variable.

        Returns the rows, columns parted by `|`. Raises CommandFailedError.
        """
        given = [f"--set={name}={value}" for name, value in {"ON_ERROR_STOP": "1", **variables}.items()]
        return self._run(tree, *self.psql(database), *given, script=script)

    @staticmethod
    def psql(database: str = "postgres") -> tuple[str, ...]:
        """psql as the superuser, reading statements and printing bare rows."""
        return ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", *_connection(database))

    def postmaster(self) -> int | None:
        """Process id of the server's first process."""
        parent = self._parent()
        return None if parent is None else first(parent)

    def processes(self) -> dict[int, int]:
        """Process id of all of the server -> its id inside, where the postmaster is 1."""
        parent = self._parent()
        return {} if parent is None else members(parent)

    def kill(self, seconds: float) -> None:
        """Crash it, as kill -9 of the postmaster, and keep it down that long; then it recovers by itself."""
        supervisor, postmaster = self.process.identity(), self.postmaster()
        if supervisor is None or postmaster is None:
            return
        os.kill(supervisor.pid, signal.SIGSTOP)
        try:
            os.kill(postmaster, signal.SIGKILL)
            time.sleep(seconds)
        finally:
            os.kill(supervisor.pid, signal.SIGCONT)

    def pause(self) -> None:
        """Stop all its processes where they are: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        self._signal(signal.SIGCONT)

    def resident_bytes(self) -> int:
        """Memory of all its processes and of the one that keeps it running; shared pages count once (PSS)."""
        supervisor, parent = self.process.identity(), self._parent()
        if supervisor is None or parent is None:
            return 0
        return sum(_proportional(pid) for pid in (supervisor.pid, parent, *members(parent)))

    def _parent(self) -> int | None:
        supervisor = self.process.identity()
        return None if supervisor is None else child(supervisor.pid)

    def _signal(self, number: signal.Signals) -> None:
        """To every process, the first before the others, so that it starts no more."""
        found = self.processes()
        for pid in sorted(found, key=lambda pid: found[pid]):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _write(self, tree: Tree, name: str, text: str) -> None:
        file = self.home / name
        partial = file.with_name(f"{file.name}.partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            os.fchown(handle.fileno(), *tree.owner)
            handle.write(text)
        partial.replace(file)

    def _run(self, tree: Tree, program: str, *arguments: str, script: str = "") -> str:
        command = tree.command(self.home, program, *arguments)
        done = subprocess.run(
            command,
            input=script,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CommandFailedError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


def _connection(database: str) -> tuple[str, ...]:
    return (f"--host={settings.SOCKETS}", f"--username={settings.ADMINISTRATOR}", f"--dbname={database}")


def _proportional(pid: int) -> int:
    """proc(5), smaps_rollup: Pss in KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
