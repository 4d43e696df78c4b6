"""Airflow's database on this laptop: the person's own, else a private PostgreSQL where there is one, else SQLite."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cli import laptop
from cli.laptop import LaptopError
from cli.repository import TenantRepository
from stacks.errors import Problem
from stacks.naming import digest

DATABASE: Final = "ARIEL_DEV_DATABASE"
"""Names a database as Airflow's `sql_alchemy_conn` does. It may hold a password, so no option takes it."""
_DEBIAN: Final = Path("/usr/lib/postgresql")
_USER: Final = "airflow"
_NAMESPACE: Final = ("unshare", "--user", "--map-user=1", "--map-group=1")


@contextmanager
def database(repository: TenantRepository) -> Iterator[str]:
    """Its URL, while it runs. Raises LaptopError."""
    if given := os.environ.get(DATABASE):
        yield given
        return
    programs, ordinary = _programs(), _as_an_ordinary_user()
    if programs is None or ordinary is None:
        yield f"sqlite:///{laptop.home(repository) / 'airflow.db'}"
        return
    with _server(repository, programs, ordinary) as url:
        yield url


@contextmanager
def _server(repository: TenantRepository, programs: Path, ordinary: tuple[str, ...]) -> Iterator[str]:
    home = laptop.home(repository)
    data = home / "postgres"
    control: tuple[str | Path, ...] = (*ordinary, programs / "pg_ctl", "-D", data)
    with (home / "postgres.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        # Who leaves last removes the folder, under the lock.
        socket = _socket_folder(repository)
        with (home / "postgres.start").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not (data / "PG_VERSION").exists():
                shutil.rmtree(data, ignore_errors=True)
                # Whoever reaches the socket is its owner: the folder is closed to others.
                trusting = ("--username", _USER, "--auth", "trust", "--encoding", "UTF8")
                _do(*ordinary, programs / "initdb", "-D", data, "--no-sync", *trusting)
            if subprocess.run([*control, "status"], capture_output=True, check=False).returncode:
                options = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={socket}")
                _do(*control, "-l", home / "postgres.log", "-o", shlex.join(options), "-w", "start")
        try:
            yield f"postgresql+psycopg2://{_USER}@/postgres?host={quote(str(socket))}"
        finally:
            # Who leaves last ends it, also after one that was killed.
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _do(*control, "-m", "fast", "-w", "stop")
                shutil.rmtree(socket, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of the newest server's programs."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    versions = [each for each in _DEBIAN.glob("*/bin") if (each / "pg_ctl").exists()]
    return max(versions, key=lambda each: int(each.parent.name), default=None)


def _as_an_ordinary_user() -> tuple[str, ...] | None:
    """What a command of PostgreSQL is begun with, as it refuses to run as root. None where it cannot be begun at all.

    Root runs it in a user namespace that shows it another number, so that its files stay root's; a container may forbid
    that.
    """
    if os.geteuid() != 0:
        return ()
    try:
        subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return _NAMESPACE


def _socket_folder(repository: TenantRepository) -> Path:
    """A socket's path may have 107 bytes, less than many a checkout's."""
    folder = Path(tempfile.gettempdir()) / f"ariel-{os.geteuid()}-{digest(str(repository.root))}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        rule, action = "a folder that is yours alone", "remove it"
        raise LaptopError([Problem(path="PostgreSQL", value=str(folder), rule=rule, action=action)])
    return folder


def _do(*command: str | Path) -> None:
    # To a file and not a pipe: the server that pg_ctl leaves running would hold a pipe open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            said.seek(0)
            value = said.read().decode(errors="replace").strip()[-2000:]
            rule, action = "it starts and ends well", f"read why, or set {DATABASE} to another database"
            raise LaptopError([Problem(path="PostgreSQL", value=value, rule=rule, action=action)])
