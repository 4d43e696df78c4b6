"""A real PgBouncer with its real sidecar before a real PostgreSQL: processes of one folder, gone with it.

Tokens are random texts. The sidecar asks for them with azure-identity, as it asks Entra; PostgreSQL asks the same
issuer by LDAP whether a role's token is valid, so that older ones are good until they expire and no longer.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2

from components import pgbouncer, scram
from components.network_policy import PGBOUNCER_PORT
from sandbox.pki import Authority
from sandbox.report import LineReport
from sandbox.rootfs import definition, recipes
from sandbox.rootfs.layers import Layer, building, ensure_layer
from tests.cluster.token_issuer import Issuer
from tests.ports import free_port
from tests.unit.runtime.api_server import ApiServer, document

UID = 65534
RUNTIME = Path(__file__).parents[2] / "runtime"
SHARED_ROLE = "ariel_runtime"
SHARED_POOL = 5
AS_UID: dict[str, Any] = {"user": UID, "group": UID, "extra_groups": []}
_PRIVATE_RUN = """
mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io
ln -s "$1" /run/secrets/kubernetes.io/serviceaccount && ln -s "$2" /run/ariel; shift 2
exec setpriv --reuid=65534 --regid=65534 --clear-groups \
    --inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
"""
"""In another user's name, but able to read the checkout: it may lie in a folder that is closed to others."""


class MissingProgramError(Exception):
    """The test bed cannot run on this machine; says what to install."""


def pgbouncer_program(folder: Path) -> Path:
    """The program named by ARIEL_PGBOUNCER, else that of the sandbox's image, copied into `folder` with its libraries.

    The image's layers are built where they are missing. Raises MissingProgramError, and MachineError of the build.
    """
    named = os.environ.get("ARIEL_PGBOUNCER")
    if named:
        if found := shutil.which(named):
            return Path(found)
        raise MissingProgramError(f"ARIEL_PGBOUNCER is {named}, which is no program: name a PgBouncer, or nothing")
    roots = _layer_roots(recipes.layers(definition.load("pgbouncer")))
    (program,) = (file for root in roots for file in root.glob("usr/sbin/pgbouncer"))
    loader = next(file for root in roots for file in root.glob("usr/lib*/ld-linux-*.so.?"))
    libraries = ":".join(str(path) for root in roots for path in root.glob("usr/lib/*-linux-gnu"))
    needed = subprocess.run(
        [loader, "--library-path", libraries, "--list", program], capture_output=True, text=True, check=True
    ).stdout
    found_libraries = re.findall(r"=> (/\S+)", needed)
    for file in (program, loader, *map(Path, found_libraries)):
        shutil.copy(file, folder / f"{file.name}{'.bin' if file == program else ''}")
    launcher = folder / "pgbouncer"
    launcher.write_text(
        f'#!/bin/sh\nexec "{folder}/{loader.name}" --library-path "{folder}" "{folder}/pgbouncer.bin" "$@"\n'
    )
    launcher.chmod(0o755)
    folder.chmod(0o755)
    return launcher


def _layer_roots(top: Layer) -> list[Path]:
    """The folders of that layer and those below it, the top one first."""
    report = LineReport()
    with building(report):
        ensure_layer(top, report)
    return [layer.root for layer in top.stack()]


def postgresql() -> Path:
    """Folder of the newest server's programs. Raises MissingProgramError."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if not found:
        raise MissingProgramError("no PostgreSQL below /usr/lib/postgresql: install postgresql")
    return found[-1].parent


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Raises AssertionError with `what` when it has not happened in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


class Server:
    """A PostgreSQL that takes tokens over TLS only."""

    def __init__(self, folder: Path, authority: Authority, ldap_port: int) -> None:
        self.host = f"127.{secrets.randbelow(250) + 2}.{secrets.randbelow(250) + 2}.2"
        data, programs = _owned(folder) / "data", postgresql()
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "admin", "-N", "-A", "trust"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **AS_UID)
        leaf = authority.server("postgresql", "postgresql", [self.host])
        for source, name in ((leaf.certificate, "server.crt"), (leaf.key, "server.key")):
            shutil.copy(source, data / name)
            os.chown(data / name, UID, UID)
            (data / name).chmod(0o600)
        (data / "pg_hba.conf").write_text(
            "host all admin 127.0.0.0/8 trust\n"
            f'hostssl all all 127.0.0.0/8 ldap ldapserver=127.0.0.1 ldapport={ldap_port} ldapprefix="" ldapsuffix=""\n'
        )
        settings = {"port": 5432, "listen_addresses": self.host, "unix_socket_directories": folder, "ssl": "on"}
        settings |= {"fsync": "off", "max_connections": 60}
        options = [item for key, value in settings.items() for item in ("-c", f"{key}={value}")]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [programs / "postgres", "-D", data, *options], stderr=log, cwd=folder, **AS_UID
            )
        wait_until(self._answers, "PostgreSQL answers")
        self.admin("CREATE DATABASE airflow")

    def admin(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(host=self.host, user="admin", dbname="postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            return bool(self.admin("SELECT 1"))
        except psycopg2.OperationalError:
            return False


class Bed:
    """The server, the token endpoint, the registry and the logins, for any number of replicas."""

    def __init__(self, folder: Path, program: Path) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.program = program
        self.passwords: dict[str, str] = {}
        self._roles: dict[str, dict[str, Any]] = {}
        authority = Authority(folder / "ca", "test")
        self.issuer = Issuer(authority)
        self.server = Server(folder / "postgresql", authority, self.issuer.ldap_port)
        self.kubernetes = ApiServer(folder / "ca")
        self.account = _owned(folder / "account")
        for name in ("ca.crt", "token"):
            shutil.copy(folder / "ca" / name, self.account / name)
            os.chown(self.account / name, UID, UID)
        self.shared_roles = folder / "role.json"
        self.shared_roles.write_text(json.dumps({SHARED_ROLE: self._role(SHARED_ROLE, pool_size=SHARED_POOL)}))
        self.replicas: list[Replica] = []

    def _role(self, name: str, pool_size: int = 2) -> dict[str, Any]:
        """A role in PostgreSQL and a login at PgBouncer, in the form of the registry."""
        if name not in self._roles:
            self.server.admin(f"CREATE ROLE {name} LOGIN")
            self.passwords[name] = secrets.token_urlsafe(30)
            client_id = f"client-{name.replace('_', '-')}"
            self.issuer.roles[client_id] = name
            self._roles[name] = {
                "clientId": client_id,
                "objectId": "object",
                "poolSize": pool_size,
                "reservePoolSize": 0,
                "verifier": scram.verifier(self.passwords[name], secrets.token_bytes(16)),
            }
        return self._roles[name]

    def add_tenant(self, slug: str) -> dict[str, Any]:
        """Into the registry as it is listed; returns the ConfigMap for a watch's event."""
        roles = {name: self._role(name) for name in (f"ariel_dagproc_{slug}", f"ariel_trigger_{slug}")}
        return self.kubernetes.put(slug, json.dumps(document(slug, roles=roles)))

    def replica(self, max_client_conn: int = 1_500) -> Replica:
        """One more, not started."""
        folder = _owned(self.folder / f"replica-{len(self.replicas)}")
        self.replicas.append(Replica(self, folder, max_client_conn))
        return self.replicas[-1]

    def said(self) -> str:
        """The last lines of every log, for the reader of a test that failed."""
        logs = sorted(self.folder.glob("replica-*/*.log"))
        lines = [f"{file.parent.name} {file.stem}: {line}" for file in logs for line in _last(file)]
        return "\n".join([*lines, *(f"postgresql: {line}" for line in _last(self.folder / "postgresql" / "log"))])

    def stop(self) -> None:
        for replica in self.replicas:
            replica.stop()
        _kill(self.server.process)
        self.issuer.close()
        self.kubernetes.close()


class Replica:
    """One pod: a sidecar, and a PgBouncer that starts when the sidecar is ready."""

    def __init__(self, bed: Bed, folder: Path, max_client_conn: int) -> None:
        self._bed = bed
        self._folder = folder
        self.shared, self.state = _owned(folder / "shared"), _owned(folder / "state")
        self.port, self._metrics_port = free_port(), free_port()
        self.sidecar: subprocess.Popen[bytes] | None = None
        self.bouncer: subprocess.Popen[bytes] | None = None
        base = pgbouncer.base_configuration(max_client_conn)
        changes = {
            "/run/pgbouncer": str(self.shared),
            "listen_addr = *": "listen_addr = 127.0.0.1",
            f"listen_port = {PGBOUNCER_PORT}": f"listen_port = {self.port}",
            "/etc/ssl/certs/ca-certificates.crt": str(bed.account / "ca.crt"),
        }
        for shipped, here in changes.items():
            assert shipped in base
            base = base.replace(shipped, here)
        # New server connections all the time, so that new tokens are put to use.
        (folder / "base.ini").write_text(base + "server_lifetime = 1\n")

    def start(self) -> None:
        self.start_sidecar()
        wait_until(self.ready, "the sidecar is ready")
        self.start_bouncer()

    def ready(self) -> bool:
        return (self.state / "ready").exists()

    def start_sidecar(self) -> None:
        bed = self._bed
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(RUNTIME),
            "PYTHONDONTWRITEBYTECODE": "1",
            "KUBERNETES_SERVICE_HOST": bed.kubernetes.api.host,
            "KUBERNETES_SERVICE_PORT": str(bed.kubernetes.api.port),
            "AZURE_AUTHORITY_HOST": bed.issuer.url,
            "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000001",
            "AZURE_FEDERATED_TOKEN_FILE": str(bed.account / "token"),
            "REQUESTS_CA_BUNDLE": str(bed.account / "ca.crt"),
            "ARIEL_DATABASE_HOST": bed.server.host,
            "ARIEL_DATABASE_NAME": "airflow",
            "ARIEL_REGISTRY_NAMESPACE": "airflow",
            "ARIEL_PGBOUNCER_BASE": str(self._folder / "base.ini"),
            "ARIEL_PGBOUNCER_RUNTIME_ROLE": str(bed.shared_roles),
            "ARIEL_PGBOUNCER_FOLDER": str(self.shared),
            "ARIEL_METRICS_PORT": str(self._metrics_port),
        }
        folders = [str(bed.account), str(self.state)]
        command = [sys.executable, "-m", "ariel_runtime.token_refresher"]
        with (self._folder / "sidecar.log").open("a") as log:
            self.sidecar = subprocess.Popen(
                ["unshare", "--mount", "sh", "-ec", _PRIVATE_RUN, "sh", *folders, *command],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def start_bouncer(self) -> None:
        with (self._folder / "bouncer.log").open("a") as log:
            self.bouncer = subprocess.Popen(
                [self._bed.program, self.shared / "pgbouncer.ini"], stdout=log, stderr=log, **AS_UID
            )
        wait_until(self._accepts, "PgBouncer accepts connections")

    def stop_sidecar(self) -> None:
        _kill(self.sidecar)

    def stop(self) -> None:
        _kill(self.bouncer)
        _kill(self.sidecar)

    def leave(self) -> None:
        """What the container's preStop hook does, after it has waited for the Service to forget the replica."""
        (self.shared / "drain").touch()

    def ended(self) -> bool:
        """Whether PgBouncer has ended by itself."""
        return self.bouncer is not None and self.bouncer.poll() is not None

    def _accepts(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def connect(
        self, login: str, *, alias: str | None = None, password: str | None = None, autocommit: bool = True
    ) -> Any:
        """A psycopg2 connection of that login, to its own alias if no other is named."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=login,
            dbname=alias or login,
            password=password or self._bed.passwords[login],
            connect_timeout=25,
        )
        connection.autocommit = autocommit
        return connection

    def query(self, login: str, statement: str = "SELECT current_user") -> Any:
        """The first value of the first row."""
        with closing(self.connect(login)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]

    def serves(self, login: str) -> bool:
        try:
            return bool(self.query(login) == login)
        except psycopg2.OperationalError:
            return False

    def files(self) -> str:
        """All that the sidecar wrote; what it is writing has another name until it is whole."""
        whole = (file for file in self.shared.iterdir() if file.is_file() and file.suffix != ".new")
        return "".join(file.read_text() for file in whole)

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics") as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}

    def sidecar_memory(self) -> int:
        """Bytes of resident memory."""
        assert self.sidecar is not None
        return _memory(self.sidecar.pid, "VmRSS")

    def bouncer_memory(self) -> int:
        """The most bytes that were ever resident."""
        assert self.bouncer is not None
        return _memory(self.bouncer.pid, "VmHWM")


def _owned(folder: Path) -> Path:
    """That folder, made for the user of PgBouncer and its sidecar."""
    folder.mkdir()
    os.chown(folder, UID, UID)
    return folder


def _last(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-20:]


def _memory(pid: int, measure: str) -> int:
    """A line of proc(5), `status`, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(measure)).split()[1]) * 1024


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
