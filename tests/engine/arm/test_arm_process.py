"""The service as a process: answers survive kill -9, parallel writes really meet, connections really drop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.engine.arm.cloud import GROUP, TOKEN, Cloud, code
from tests.engine.arm.examples import CLUSTER_IDENTITY, HERE, NETWORK, VAULT, vault_body
from tests.ports import free_port

NSG = f"{NETWORK}/networkSecurityGroups/nsg"


class Process:
    """One service over one state folder, started and killed at will."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> Cloud:
        port = free_port()
        command = [sys.executable, "-m", "sandbox.arm", "--state", str(self._folder), "--port", str(port), *arguments]
        self._running = subprocess.Popen(command, env={**os.environ, "ARIEL_ARM_TOKEN": TOKEN})
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        )
        while True:
            assert self._running.poll() is None, "the service ended while starting"
            try:
                assert client.get("/_sandbox/health").json() == {"status": "ok"}
                return Cloud(client)
            except httpx.TransportError:
                time.sleep(0.05)

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "state")
    yield made
    made.kill()


def test_what_was_answered_survives_kill_9(process: Process) -> None:
    cloud = process.start()
    cloud.made(GROUP, HERE)
    identity = cloud.made(CLUSTER_IDENTITY, HERE)
    cloud.made(VAULT, vault_body())
    cloud.delete(VAULT)
    process.kill()
    cloud = process.start()
    assert cloud.get(CLUSTER_IDENTITY).json() == identity
    assert code(cloud.put(VAULT, vault_body())) == "ConflictError"
    paths = [entry["path"] for entry in cloud.client.get("/_sandbox/requests").json()]
    assert CLUSTER_IDENTITY in paths


def test_an_operation_ends_although_the_service_was_killed_in_between(process: Process) -> None:
    cloud = process.start("--operation-seconds", "0")
    cloud.made(GROUP, HERE)
    process.kill()
    cloud = process.start("--operation-seconds", "3600")
    answer = cloud.send("PUT", NSG, {**HERE, "properties": {}})
    status = httpx.URL(answer.headers["Azure-AsyncOperation"])
    process.kill()
    cloud = process.start("--operation-seconds", "3600")
    assert cloud.client.get(status.raw_path.decode()).json()["status"] == "InProgress"
    assert cloud.get(NSG).json()["properties"]["provisioningState"] == "Creating"
    process.kill()


def test_two_parallel_credentials_of_one_identity_meet(process: Process) -> None:
    cloud = process.start("--operation-seconds", "1")
    cloud.made(GROUP, HERE)
    cloud.made(CLUSTER_IDENTITY, HERE)

    def write(number: int) -> tuple[int, str]:
        properties = {"issuer": "https://issuer.example", "subject": f"s{number}", "audiences": ["a"]}
        path = f"{CLUSTER_IDENTITY}/federatedIdentityCredentials/fic-{number}"
        answer = cloud.send("PUT", path, {"properties": properties})
        return answer.status_code, "" if answer.status_code == 201 else code(answer)

    with ThreadPoolExecutor(2) as pool:
        first, second = sorted(pool.map(write, (1, 2)))
    assert first == (201, "")
    assert second == (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")


def test_a_dropped_connection_gives_no_answer_but_may_have_been_applied(process: Process, tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    rules = [
        {"match": {"type": "Microsoft.KeyVault/vaults", "method": "PUT"}, "action": "drop", "when": "before"},
        {"match": {"type": "Microsoft.KeyVault/vaults", "method": "PUT"}, "action": "drop", "when": "after"},
    ]
    faults.write_text(json.dumps({"rules": rules}))
    cloud = process.start("--faults", str(faults))
    cloud.made(GROUP, HERE)
    with pytest.raises(httpx.RemoteProtocolError):
        cloud.put(VAULT, vault_body())
    assert cloud.get(VAULT).status_code == 404
    with pytest.raises(httpx.RemoteProtocolError):
        cloud.put(VAULT, vault_body())
    assert cloud.get(VAULT).status_code == 200


def test_the_service_does_not_start_without_a_token(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ARIEL_ARM_TOKEN"}
    command = [sys.executable, "-m", "sandbox.arm", "--state", str(tmp_path), "--port", "1"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "ARIEL_ARM_TOKEN" in ended.stderr
