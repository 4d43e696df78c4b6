"""A Flexible Server of the emulated Azure with Airflow's database, brought in step by the reconciler's own turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from ariel_runtime.database.access import OWNER, RUNTIME, Kind
from ariel_runtime.database.writer import Database
from ariel_runtime.life import Life
from ariel_runtime.metadata_engine import direct_engine
from ariel_runtime.reconciler.landscape import Landscape
from ariel_runtime.reconciler.turn import turn
from ariel_runtime.registry import Snapshot, Tenant, parse
from cryptography.fernet import Fernet
from sqlalchemy import URL, Engine
from sqlalchemy.pool import NullPool

from sandbox.arm.tenant import TENANT_ID
from tests.cluster import flexible_server
from tests.cluster.flexible_server import SERVER, Sandbox, server_body
from tests.engine.arm.cloud import GROUP

ADMIN: Final = "id-contoso-local-admin"
"""As Azure names it: like the identity, with hyphens."""
MIGRATE: Final = "ariel_runtime.migrate"
ROOT: Final = Path(__file__).parents[2]
FERNET_KEY: Final = Fernet.generate_key().decode()
_VERIFIER: Final = "SCRAM-SHA-256$1:c2FsdA==$c3RvcmVk:c2VydmVy"


def processor(slug: str) -> str:
    return f"{Kind.PROCESSOR.prefix}{slug.replace('-', '_')}"


def triggerer(slug: str) -> str:
    return f"{Kind.TRIGGERER.prefix}{slug.replace('-', '_')}"


@dataclass
class Bed:
    """The server with its registry; `identities` says which identity each role is to be."""

    sandbox: Sandbox
    folder: Path
    identities: dict[str, str] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    malformed: dict[str, str] = field(default_factory=dict)
    engines: dict[tuple[str, str], Engine] = field(default_factory=dict)

    def identity(self, role: str) -> str:
        return self.identities.setdefault(role, str(uuid.uuid4()))

    @property
    def host(self) -> str:
        described = self.sandbox.servers.server(flexible_server.NAME).description()
        assert described is not None
        return described.host

    def engine(self, role: str, database: str = "airflow") -> Engine:
        """Connections as this role, each with a fresh token of its identity."""
        if (role, database) not in self.engines:
            url = URL.create("postgresql+psycopg2", username=role, host=self.host, database=database)
            self.engines[role, database] = direct_engine(
                url, password=lambda: self.sandbox.token(self.identity(role)), poolclass=NullPool
            )
        return self.engines[role, database]

    def landscape(self) -> Landscape:
        return Landscape(
            server=Database(self.engine(ADMIN, "postgres")),
            airflow=Database(self.engine(ADMIN)),
            admin=ADMIN,
            shared={role: self.identity(role) for role in (OWNER, RUNTIME)},
        )

    def turn(self, landscape: Landscape | None = None) -> bool:
        return turn(landscape or self.landscape(), Snapshot(dict(self.tenants), dict(self.malformed)), self.life)

    def migrate(self) -> None:
        """The job, and the turn that finds the schema."""
        done = self.run(OWNER, MIGRATE)
        assert done.returncode == 0, done.stdout
        assert self.turn()

    @property
    def life(self) -> Life:
        self.folder.mkdir(exist_ok=True)
        return Life(self.folder)

    def add(self, slug: str, **changes: Any) -> Tenant:
        self.tenants[slug] = parse(json.dumps({**self.document(slug), **changes}))
        return self.tenants[slug]

    def document(self, slug: str) -> dict[str, Any]:
        login = {"clientId": "c", "poolSize": 2, "reservePoolSize": 0, "verifier": _VERIFIER}
        return {
            "slug": slug,
            "team": slug,
            "bundle": slug,
            "pool": slug,
            "groupId": "g",
            "repository": {"url": f"git://git-mirror.parse-{slug}/repo", "branch": "main", "path": "dags"},
            "environment": {},
            "namespaces": {"tasks": f"tasks-{slug}", "parse": f"parse-{slug}"},
            "accounts": {"task": {"clientId": "c"}},
            "roles": {role: {**login, "objectId": self.identity(role)} for role in (processor(slug), triggerer(slug))},
            "images": [],
            "slots": 20,
            "vault": {"url": "https://kv.vault.azure.net", "shared": False},
            "logs": {"container": f"logs-{slug}"},
            "alerts": None,
        }

    def sql(self, role: str, statement: str, database: str = "airflow") -> list[tuple[Any, ...]]:
        """One transaction; the rows if there are any. Raises what the server says."""
        with self.engine(role, database).begin() as connection:
            done = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            return [tuple(row) for row in done] if done.returns_rows else []

    def start(self, role: str, *command: str, **environment: str) -> subprocess.Popen[str]:
        """An Airflow process, or one of ours, that signs in as `role` with a token per connection; see `said`."""
        home = self.folder / f"{role}-home"
        (home / "config").mkdir(parents=True, exist_ok=True)
        hooks = "from ariel_runtime.metadata_engine import create_async_metadata_engine, create_metadata_engine\n"
        (home / "config" / "airflow_local_settings.py").write_text(hooks)
        (home / "token").write_text(self.sandbox.token(self.identity(role)))
        with (home / "output").open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.signed_in", *command],
                cwd=ROOT,
                env={**self._environment(role, home), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def said(self, role: str) -> str:
        """What the last process of this role printed."""
        return (self.folder / f"{role}-home" / "output").read_text(errors="replace")

    def run(
        self, role: str, *command: str, seconds: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """One that ends by itself."""
        process = self.start(role, *command, **environment)
        try:
            status = process.wait(timeout=seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess(command, status, self.said(role))

    def _environment(self, role: str, home: Path) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PGHOSTADDR", "PGSSLROOTCERT") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "runtime"), str(ROOT), *sys.path]),
            "HOME": str(home),
            "LOGNAME": "airflow",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONFIG": "/dev/null",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__MULTI_TEAM": "True",
            "AIRFLOW__CORE__FERNET_KEY": FERNET_KEY,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{role}@{self.host}:5432/airflow",
            "ARIEL_DATABASE_HOST": self.host,
            "ARIEL_DATABASE_NAME": "airflow",
            "ARIEL_DATABASE_ROLE": role,
            "ARIEL_TEST_TOKEN": str(home / "token"),
            "AZURE_CLIENT_ID": "of-the-pod",
        }


@contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """The server with an empty database `airflow` and its administrator; leaving the block ends it."""
    with flexible_server.running(folder / "sandbox") as sandbox:
        made = Bed(sandbox, folder / "work")
        principal = {"principalType": "ServicePrincipal", "principalName": ADMIN, "tenantId": TENANT_ID}
        for path, body in {
            GROUP: {"location": "westeurope"},
            SERVER: server_body(),
            f"{SERVER}/databases/airflow": {"properties": {"charset": "UTF8", "collation": "en_US.utf8"}},
            f"{SERVER}/administrators/{made.identity(ADMIN)}": {"properties": principal},
        }.items():
            answer = sandbox.cloud.put(path, body)
            assert answer.is_success, answer.text
        described = sandbox.servers.server(flexible_server.NAME).description()
        assert described is not None
        with pytest.MonkeyPatch.context() as patch:
            # As its name would lead there in the cluster.
            patch.setenv("PGHOSTADDR", described.address)
            patch.setenv("PGSSLROOTCERT", str(folder / "sandbox" / "cluster" / "pki" / "ca.crt"))
            patch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
            patch.setenv("AIRFLOW__CORE__FERNET_KEY", FERNET_KEY)
            yield made
        sandbox.servers.remove(flexible_server.NAME)
