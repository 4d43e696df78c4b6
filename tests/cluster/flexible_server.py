"""A sandbox of an emulated ARM and the PostgreSQL servers behind it, and a client that signs in by token."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from sandbox.arm.app import create_app
from sandbox.arm.faults import Schedule
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.world import Settings
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from sandbox.network import network
from sandbox.postgres.backing import backings, identities
from sandbox.postgres.servers import PostgresServers
from sandbox.postgres.sign_in import SignIn
from sandbox.postgres.tree import ENVIRONMENT, HOME, Tree
from tests.engine.arm.cloud import GROUP, PLENTY, TOKEN, Cloud

NAME = "psql-test"
SERVER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{NAME}"
ADMIN_ID = str(uuid.uuid4())
ADMIN = "ariel admin@example.org"
"""Not the name that a program would choose: spaces and special characters are legal."""


def server_body(**more: Any) -> dict[str, Any]:
    properties = {"version": "17", "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"}}
    sku = {"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}
    return {"location": "westeurope", "sku": sku, "properties": {**properties, **more}}


@dataclass(frozen=True)
class Sandbox:
    root: Path
    servers: PostgresServers
    authority: TokenAuthority
    cloud: Cloud

    def token(self, object_id: str = ADMIN_ID, *, audience: str = POSTGRESQL_AUDIENCE, **more: Any) -> str:
        given = {"lifetime": timedelta(hours=1), **more}
        return self.authority.issue(
            tenant_id=TENANT_ID, object_id=object_id, client_id=str(uuid.uuid4()), audience=audience, **given
        )

    def act(self, action: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """POST on the server."""
        return self.cloud.client.post(f"{SERVER}/{action}", params={"api-version": "2025-08-01"}, json=body)

    def connect(
        self,
        sql: str = "SELECT current_user",
        *,
        role: str = ADMIN,
        token: str | None = None,
        mode: str = "verify-full",
        database: str = "postgres",
    ) -> subprocess.CompletedProcess[str]:
        """psql as a pod would run it: by name, with the sandbox's authority."""
        described = self.servers.server(NAME).description()
        assert described is not None
        folder = self.root / "client"
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_text((self.root / "cluster" / "pki" / "ca.crt").read_text())
        environment = {
            **ENVIRONMENT,
            "PGHOST": described.host,
            "PGHOSTADDR": described.address,
            "PGUSER": role,
            "PGPASSWORD": self.token() if token is None else token,
            "PGDATABASE": database,
            "PGSSLMODE": mode,
            "PGSSLROOTCERT": f"{HOME}/ca.crt",
            "PGCONNECT_TIMEOUT": "10",
        }
        command = self.servers.tree.command(folder, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-")
        return subprocess.run(
            command, input=sql, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def answer(self, sql: str, **more: Any) -> str:
        """What a statement gives; it must succeed."""
        done = self.connect(sql, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def running(root: Path, tree: Tree | None = None) -> Iterator[Sandbox]:
    """The service over `root`, with the responder beside it; leaving the block ends both, but not the servers."""
    servers = PostgresServers(root, network(root), tree=None if tree is None else lambda: tree.root)
    authority = TokenAuthority(root / "entra")
    settings = Settings(tenant_id=TENANT_ID, operation_seconds=0.0)
    app = create_app(
        root / "arm", token=TOKEN, settings=settings, schedule=Schedule(limits=PLENTY), backings=backings(servers)
    )
    with (
        _responding(SignIn(servers, authority, partial(identities, app.state.service.world))),
        TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield Sandbox(root, servers, authority, Cloud(client))
    app.state.service.close()


@contextmanager
def _responding(sign_in: SignIn) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    task = loop.create_task(sign_in.serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(asyncio.wait([task]),), daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()
