"""Blob storage with the real client library: a tenant's logs are its own, whatever a client tries."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import WorkloadIdentityCredential
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient

from sandbox.arm.tenant import TENANT_ID
from sandbox.blob.azurite import Azurite
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, STORAGE_AUDIENCE
from tests.engine.arm.cloud import Cloud
from tests.engine.arm.examples import assignment, grant
from tests.unit.sandbox.blob.conftest import PRIVATE, open_endpoint
from tests.unit.sandbox.blob.places import HOST, container
from tests.unit.sandbox.entra.running_azure import ANSWER_SECONDS, RunningAzure

Storage = Callable[[str], BlobServiceClient]
LOG = "runs/dag_id=weather.load/run_id=scheduled__2026-11-21T00:00:00+00:00/task_id=load/attempt=1.log"
"""As Airflow names logs: with characters that must be escaped, and signed as they were sent."""


def _weather(storage: Storage, identity: str) -> ContainerClient:
    return storage(identity).get_container_client("weather")


def _refusal(attempt: Callable[[], Any]) -> tuple[int | None, str | None]:
    with pytest.raises(HttpResponseError) as refused:
        attempt()
    return refused.value.status_code, refused.value.error_code


def test_a_log_is_written_listed_read_and_deleted(storage: Storage) -> None:
    weather = _weather(storage, "writer")
    for text in ("first\n", "first\nsecond ümlaut\n"):
        weather.upload_blob(LOG, text, overwrite=True)
        assert weather.download_blob(LOG).readall().decode() == text
    assert [(blob.name, blob.container) for blob in weather.list_blobs(name_starts_with="runs/")] == [(LOG, "weather")]
    assert weather.get_blob_client(LOG).exists()
    weather.get_blob_client(LOG).delete_blob()
    assert not weather.get_blob_client(LOG).exists()


def test_airflows_own_handler_writes_appends_and_reads_a_log(
    azure: RunningAzure, storage: Storage, identities: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage("writer")  # Leaves the assertion in its file.
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("AIRFLOW_CONN_LOGS", json.dumps({"conn_type": "wasb", "host": f"https://{HOST}"}))
    monkeypatch.setenv("AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID", "logs")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT_ID)
    monkeypatch.setenv("AZURE_CLIENT_ID", identities["writer"]["clientId"])
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "writer"))
    from airflow.providers.microsoft.azure.log.wasb_task_handler import WasbRemoteLogIO

    local = tmp_path / "local"
    local.mkdir()
    handler = WasbRemoteLogIO(
        remote_base="runs", base_log_folder=local, delete_local_copy=False, wasb_container="weather"
    )
    for line in ("first", "second"):
        (local / "attempt=1.log").write_text(f"{line}\n")
        handler.upload("attempt=1.log", None)
    assert handler.read("attempt=1.log", None) == (
        [f"https://{HOST}/weather/runs/attempt=1.log"],
        ["first\nsecond\n"],
    )


def test_append_blobs_grow_and_large_blobs_come_in_blocks(storage: Storage) -> None:
    weather = _weather(storage, "writer")
    live = weather.get_blob_client("live.log")
    live.create_append_blob()
    for line in (b"one\n", b"two\n"):
        live.append_block(line)
    assert live.download_blob(offset=4, length=3).readall() == b"two"
    large = weather.get_blob_client("large")
    large.stage_block("aaaa", b"x" * 3_000_000)
    large.stage_block("bbbb", b"y" * 3_000_000)
    large.commit_block_list([BlobBlock("aaaa"), BlobBlock("bbbb")], metadata={"owner": "weather"})
    assert large.get_blob_properties().size == 6_000_000
    assert large.get_blob_properties().metadata == {"owner": "weather"}
    assert large.download_blob().readall() == b"x" * 3_000_000 + b"y" * 3_000_000


def test_folders_are_walked_as_airflow_walks_them(storage: Storage) -> None:
    weather = _weather(storage, "writer")
    for name in ("walk/a/1.log", "walk/a/2.log", "walk/b/1.log"):
        weather.upload_blob(name, b"", overwrite=True)
    assert [blob.name for blob in weather.walk_blobs("walk/", delimiter="/")] == ["walk/a/", "walk/b/"]
    pages = weather.list_blobs("walk/", results_per_page=2).by_page()
    assert [[blob.name for blob in page] for page in pages] == [["walk/a/1.log", "walk/a/2.log"], ["walk/b/1.log"]]


def test_a_reader_reads_and_changes_nothing(storage: Storage) -> None:
    _weather(storage, "writer").upload_blob("kept.log", b"kept", overwrite=True)
    weather = _weather(storage, "reader")
    assert weather.download_blob("kept.log").readall() == b"kept"
    changes = (
        lambda: weather.upload_blob("new.log", b""),
        lambda: weather.upload_blob("kept.log", b"", overwrite=True),
        lambda: weather.delete_blob("kept.log"),
        lambda: weather.get_blob_client("kept.log").set_blob_metadata({"a": "b"}),
        lambda: weather.get_blob_client("kept.log").create_snapshot(),
    )
    for change in changes:
        assert _refusal(change) == (403, "AuthorizationPermissionMismatch")
    assert weather.download_blob("kept.log").readall() == b"kept"


def test_another_tenant_can_neither_read_nor_list_nor_write_the_logs(storage: Storage) -> None:
    _weather(storage, "writer").upload_blob("secret.log", b"secret", overwrite=True)
    weather = _weather(storage, "other")
    attempts = (
        lambda: weather.download_blob("secret.log").readall(),
        lambda: list(weather.list_blobs()),
        lambda: weather.upload_blob("planted.log", b""),
        lambda: weather.delete_blob("secret.log"),
        lambda: list(storage("other").list_containers()),
    )
    for attempt in attempts:
        assert _refusal(attempt) == (403, "AuthorizationPermissionMismatch")
    storage("other").get_container_client("mobility").upload_blob("own.log", b"own", overwrite=True)


def test_a_role_on_the_group_opens_every_container_of_its_accounts(storage: Storage) -> None:
    _weather(storage, "writer").upload_blob("seen.log", b"seen", overwrite=True)
    operator = storage("operator")
    assert operator.get_container_client("weather").download_blob("seen.log").readall() == b"seen"
    assert [found.name for found in operator.list_containers()] == ["mobility", "weather"]


@pytest.mark.parametrize(
    "path",
    [
        "/mobility/../weather/secret.log",
        "/mobility/%2e%2e/weather/secret.log",
        "/mobility/%2E./weather/secret.log",
        "/mobility/..%2fweather/secret.log",
        "/mobility\\..\\weather/secret.log",
        "//weather/secret.log",
        "/weathe%72/secret.log",
        "/mobility?restype=container&comp=list&restype=account",
        "/mobility/x?comp=copy",
        "/mobility/x?comp=tags&comp=list",
        "/mobility/x?restype=container",
        "/weather",
    ],
)
def test_no_way_of_writing_a_path_leads_around_the_roles(
    azure: RunningAzure, storage: Storage, identities: dict[str, dict[str, Any]], path: str
) -> None:
    _weather(storage, "writer").upload_blob("secret.log", b"secret", overwrite=True)
    token = _token(azure, identities["other"]["clientId"], "other", STORAGE_AUDIENCE)
    head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    answer = asyncio.run(_speak(azure, head))
    assert answer.split(b" ")[1] in (b"400", b"403", b"501"), answer
    assert b"\r\n\r\nsecret" not in answer


def test_a_token_for_the_database_or_none_or_a_key_opens_nothing(
    azure: RunningAzure, identities: dict[str, dict[str, Any]]
) -> None:
    token = _token(azure, identities["writer"]["clientId"], "writer", POSTGRESQL_AUDIENCE)
    cases = {
        f"Bearer {token}": (401, "InvalidAuthenticationInfo"),
        "Bearer nonsense": (401, "InvalidAuthenticationInfo"),
        "": (401, "NoAuthenticationInformation"),
        "SharedKey stlogs1:AAAA": (403, "KeyBasedAuthenticationNotPermitted"),
    }
    with httpx.Client(verify=ssl.create_default_context(cafile=azure.trusted), trust_env=False) as client:
        for header, expected in cases.items():
            answer = client.get(f"https://{HOST}/weather/x", headers={"Authorization": header} if header else {})
            assert (answer.status_code, answer.headers["x-ms-error-code"]) == expected
            if answer.status_code == 401:
                assert TENANT_ID in answer.headers["www-authenticate"]
        answer = client.get(f"https://{HOST}/weather/x?sig=a&sp=r")
        assert answer.headers["x-ms-error-code"] == "KeyBasedAuthenticationNotPermitted"


def test_a_copy_cannot_fetch_what_the_caller_may_not_read(storage: Storage) -> None:
    target = storage("other").get_container_client("mobility").get_blob_client("copy")
    assert _refusal(lambda: target.start_copy_from_url(f"https://{HOST}/weather/secret.log")) == (501, "NotImplemented")


def test_a_container_is_made_by_arm_only(storage: Storage) -> None:
    with pytest.raises(ResourceExistsError):
        _weather(storage, "writer").create_container()
    with pytest.raises(ResourceNotFoundError) as missing:
        storage("operator").get_container_client("absent").download_blob("x")
    assert missing.value.error_code == "ContainerNotFound"


def test_a_removed_container_is_gone_and_one_made_again_is_empty(
    cloud: Cloud, storage: Storage, identities: dict[str, Any]
) -> None:
    def make() -> ContainerClient:
        cloud.made(container("passing"), {"properties": {}})
        writer = grant(identities["writer"]["principalId"], "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
        cloud.made(assignment(container("passing"), 77), writer)
        return storage("writer").get_container_client("passing")

    make().upload_blob("old.log", b"old")
    cloud.delete(container("passing"))
    assert list(make().list_blobs()) == []
    cloud.delete(container("passing"))
    assert "passing" not in [found.name for found in storage("operator").list_containers()]


def test_a_role_that_is_taken_away_ends_at_once(cloud: Cloud, storage: Storage, identities: dict[str, Any]) -> None:
    mobility = storage("writer").get_container_client("mobility")
    place = assignment(container("mobility"), 78)
    cloud.made(place, grant(identities["writer"]["principalId"], "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"))
    list(mobility.list_blobs())
    cloud.delete(place)
    assert _refusal(lambda: list(mobility.list_blobs())) == (403, "AuthorizationPermissionMismatch")


def test_an_outage_of_the_storage_can_be_scheduled(cloud: Cloud, storage: Storage) -> None:
    match = {"type": "Microsoft.Storage/blobs", "path": "/stlogs1/weather/*"}
    rule = {"match": match, "action": "fail", "status": 503, "code": "ServerBusy", "times": None}
    cloud.client.put("/_sandbox/faults", json=[rule]).raise_for_status()
    try:
        assert _refusal(lambda: _weather(storage, "writer").upload_blob("x", b"")) == (503, "ServerBusy")
    finally:
        cloud.client.delete("/_sandbox/faults")
    _weather(storage, "writer").upload_blob("x", b"", overwrite=True)


def test_the_name_exists_only_while_a_private_endpoint_leads_there(azure: RunningAzure, cloud: Cloud) -> None:
    cloud.delete(f"{PRIVATE}/privateDnsZoneGroups/default")
    azure.await_name(HOST, present=False)
    cloud.delete(PRIVATE)
    open_endpoint(cloud)
    azure.await_name(HOST)


def test_a_restart_of_either_process_loses_nothing(azure: RunningAzure, cloud: Cloud, storage: Storage) -> None:
    weather = _weather(storage, "writer")
    weather.upload_blob("lasting.log", b"lasting", overwrite=True)
    azure.stop()
    azure.start()
    assert _eventually(lambda: weather.download_blob("lasting.log").readall()) == b"lasting"
    Azurite(azure.root).stop()
    assert _eventually(lambda: weather.download_blob("lasting.log").readall()) == b"lasting"


def _eventually(read: Callable[[], bytes]) -> bytes:
    """The answer once the storage is there again: until then it is busy, and says so at once."""
    give_up = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return read()
        except HttpResponseError as error:
            if error.error_code != "ServerBusy" or time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def _token(azure: RunningAzure, client: str, subject: str, audience: str) -> str:
    file = Path(azure.root / "assertion")
    file.write_text(azure.assertion(f"system:serviceaccount:tests:{subject}"))
    credential = WorkloadIdentityCredential(tenant_id=TENANT_ID, client_id=client, token_file_path=str(file))
    return str(credential.get_token(f"{audience}/.default").token)


async def _speak(azure: RunningAzure, head: str) -> bytes:
    """A request exactly as written: libraries tidy paths up."""
    context = ssl.create_default_context(cafile=azure.trusted)
    reader, writer = await asyncio.open_connection("127.0.0.1", azure.port, ssl=context, server_hostname=HOST)
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    return answer
