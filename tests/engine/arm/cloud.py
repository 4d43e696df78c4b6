"""A small client of the emulated ARM for these tests: in-process, polls operations, knows where things stand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from sandbox.arm.app import create_app
from sandbox.arm.faults import Schedule
from sandbox.arm.limits import Limits
from sandbox.arm.tenant import TENANT_ID
from sandbox.arm.types import SPECS
from sandbox.arm.world import Settings

TOKEN = "a-token-for-tests"  # noqa: S105
SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-test"
PATIENCE_SECONDS = 120
"""After so long an operation counts as lost: on a busy machine a PostgreSQL server that is made takes the most."""
PLENTY = Limits(
    write_burst=100_000,
    writes_per_second=100_000,
    delete_burst=100_000,
    deletes_per_second=100_000,
    replication_seconds=0,
)
VERSION = {spec.type.lower(): spec.api_versions[0] for spec in SPECS}


class Clock:
    """A clock that tests move by hand (seconds since the epoch)."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def kind_of(path: str) -> str:
    """The ARM type in an id: types and names take turns after the last provider."""
    if "/providers/" not in path:
        return "Microsoft.Resources/resourceGroups"
    provider, *pairs = path.rsplit("/providers/", 1)[1].split("/")
    return "/".join([provider, *pairs[0::2]])


class Cloud:
    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        version = VERSION.get(kind_of(path).lower(), "2024-03-01")
        target = f"{SUBSCRIPTION}/resourceGroups/{path}" if not path.startswith("/") else path
        return self.client.request(method, target, params={"api-version": version}, json=body, headers=headers)

    def put(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """PUT and wait until its operation has ended."""
        answer = self.send("PUT", path, body, **headers)
        if answer.status_code < 300:
            ended = self.wait(answer)
            assert ended in (None, "Succeeded"), self.client.get(answer.headers["Azure-AsyncOperation"]).text
        return answer

    def get(self, path: str) -> httpx.Response:
        return self.send("GET", path)

    def delete(self, path: str) -> httpx.Response:
        answer = self.send("DELETE", path)
        self.wait(answer)
        return answer

    def wait(self, answer: httpx.Response) -> str | None:
        """Final status of the operation that an answer names; None without one."""
        url = answer.headers.get("Azure-AsyncOperation")
        if url is None:
            return None
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            status = str(self.client.get(url).json()["status"])
            if status != "InProgress":
                return status
            time.sleep(0.02)
        raise TimeoutError(f"{url} did not end")

    def made(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PUT what must succeed; the body as it stands afterwards."""
        answer = self.put(path, body)
        assert answer.status_code in (200, 201), answer.text
        found = self.get(path)
        assert found.status_code == 200, found.text
        return dict(found.json())

    def fingerprint(self) -> dict[str, str]:
        """Id -> version of everything that stands (in-process clouds only)."""
        store = self.client.app.state.service.store  # type: ignore[attr-defined]
        return {key: resource.etag for key, resource in store.resources.items()}

    def everything(self) -> list[dict[str, Any]]:
        return list(self.client.get("/_sandbox/resources").json())


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@contextmanager
def running(folder: Path, *, limits: Limits = PLENTY, clock: Clock | None = None, **settings: Any) -> Iterator[Cloud]:
    """A service in this process over the state in `folder`; operations end at once unless the settings say else."""
    given = Settings(tenant_id=TENANT_ID, **{"operation_seconds": 0.0, **settings})
    extra = {} if clock is None else {"clock": clock}
    app = create_app(folder, token=TOKEN, settings=given, schedule=Schedule(limits=limits), **extra)
    with TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield Cloud(client)
    app.state.service.close()
