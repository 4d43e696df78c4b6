"""What a team sets at the desk and its tasks read: byte for byte, up to a vault's limit, five hundred of them."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import Queue
from typing import Any

import pytest
from airflow.sdk import Connection, Variable
from ariel_runtime import secrets
from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Vault
from ariel_runtime.secrets import backend as backend_module
from ariel_runtime.secrets import key_vault
from ariel_runtime.secrets.backend import TenantSecretsBackend
from ariel_runtime.secrets.desk import Desk
from ariel_runtime.secrets.names import Kind
from azure.core.exceptions import HttpResponseError

from stacks.roles import VAULT_WRITER
from tests.unit.runtime.tenants import tenant
from tests.unit.sandbox.vault.conftest import Task
from tests.unit.sandbox.vault.running_vaults import OFFICER, READER, USER, Asked, RunningVaults, url, vault

RunAs = Callable[[str], None]
LARGEST = 25_600
PAGE = 25
"""Secrets in one answer to a list, at most."""
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC+/=="] * 26)
    + "\n-----END PRIVATE KEY-----\n"
)


@pytest.fixture(scope="module", autouse=True)
def admitted(running: RunningVaults) -> None:
    """The API server's identity, with the two roles that the stack gives it."""
    running.admit("api-server", READER, VAULT_WRITER, to="mobility")
    running.admit("mobilitys-officer", OFFICER, to="mobility")


@pytest.fixture
def desk(run_as: RunAs) -> Desk:
    """Mobility's, in an API server that has just begun."""
    run_as("api-server")
    return Desk(tenant("mobility", vault=Vault(url=url("mobility"), shared=False)))


VALUES = {
    "as large as a vault holds": "a" * LARGEST,
    "as large, of four bytes each": "🔑" * (LARGEST // 4),
    "emoji of several code points": "👩🏽‍🚀🇪🇺👨‍👩‍👧‍👦",
    "composed and decomposed": "\u00e9 is not e\u0301, \u212b is not \u00c5",
    "right to left and without width": "\u05e9\u05dc\u05d5\u05dd\u200f\u200b\u2060\ufeff",
    "ends of lines": "\na\r\nb\rc\n\n\u2028\u2029\x85\t ",
    "a key": PEM,
    "what JSON and URLs escape": "\"'\\/\x01\x1f\x7f%2F&+;<>{}",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_arrives_byte_for_byte(desk: Desk, task: Task, value: str) -> None:
    desk.set_value(Kind.VARIABLE, "kept", value)
    desk.set_value(Kind.SECRET, "kept", value)
    half = value[: len(value) // 2]
    connection = json.dumps({"conn_type": "http", "password": half}, ensure_ascii=False)
    desk.set_value(Kind.CONNECTION, "kept", connection)
    task("mobility")
    assert Variable.get("kept").encode() == value.encode()
    assert secrets.get("kept").encode() == value.encode()
    assert (Connection.get("kept").password or "").encode() == half.encode()


def test_half_a_character_is_refused_by_the_vault_and_before_it_is_sent_by_the_desk(
    vaults: RunningVaults, desk: Desk
) -> None:
    half = "hunter2\ud83d"
    with pytest.raises(HttpResponseError, match="Property value is invalid"):
        vaults.client("mobilitys-officer", "mobility").set_secret("airflow-secrets-half", half)
    asked = Asked(vaults)
    for secret_id, value in (("half", half), (half, "value")):
        with pytest.raises(RefusedError, match="cut in two") as refused:
            desk.set_value(Kind.SECRET, secret_id, value)
        assert "hunter2" not in str(refused.value)
    assert asked.paths("mobility") == []


TOO_LARGE = {"30 KB": "k" * 30_720, "one byte": "a" * (LARGEST + 1), "in bytes only": "é" * (LARGEST // 2) + "a"}


@pytest.mark.parametrize("value", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_value_that_is_too_large_is_refused_by_the_vault_and_before_it_is_sent_by_the_desk(
    vaults: RunningVaults, desk: Desk, value: str
) -> None:
    with pytest.raises(HttpResponseError, match="Property value is invalid") as refused:
        vaults.client("mobilitys-officer", "mobility").set_secret("airflow-secrets-large", value)
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadParameter")
    asked = Asked(vaults)
    with pytest.raises(RefusedError, match="1 to 25600 bytes") as refused_here:
        desk.set_value(Kind.SECRET, "large", value)
    said = str(refused_here.value)
    assert "value of large" in said
    assert f"<{len(value.encode())} bytes>" in said
    assert value not in said
    assert asked.paths("mobility") == []
    assert "large" not in [each.id for each in desk.entries()]


def test_500_connections_are_listed_over_pages_and_a_task_that_needs_one_asks_once(
    vaults: RunningVaults, run_as: RunAs, task: Task
) -> None:
    vaults.open("full")
    vaults.admit("full", USER, to="full")
    vaults.admit("api-server", READER, VAULT_WRITER, to="full")
    ids = [f"mail.drive_{number}" for number in range(500)]
    vaults.write_without_limit()
    for number in range(len(ids)):
        where = f"{vault('full')}/secrets/airflow-connections-mail--2edrive--5f{number}"
        made = vaults.cloud.send("PUT", where, {"properties": {"value": f"imap://host-{number}"}})
        assert made.status_code < 300, made.text

    run_as("api-server")
    asked = Asked(vaults)
    entries = Desk(tenant("full", vault=Vault(url=url("full"), shared=False))).entries()
    assert [each.id for each in entries] == sorted(ids)
    assert {each.kind for each in entries} == {Kind.CONNECTION}
    assert len(asked.paths("full")) == len(ids) / PAGE

    task("full")
    asked = Asked(vaults)
    assert Connection.get("mail.drive_321").host == "host-321"
    assert asked.paths("full") == ["/secrets/airflow-connections-mail--2edrive--5f321/"]
    assert Connection.get("mail.drive_321").host == "host-321"
    assert len(asked.paths("full")) == 1


THREADS, PROCESSES, VERSIONS = 4, 2, 8


def version(number: int) -> str:
    """Long, and unlike each other in every character: half of two would be seen."""
    return chr(ord("A") + number) * 20_000


def test_while_a_secret_is_rotated_each_reader_sees_a_version_of_it_and_who_begins_the_newest(
    vaults: RunningVaults, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers that remember nothing ask as often as they can: threads of one process, and processes."""
    writer = vaults.client("mobilitys-officer", "mobility")
    writer.set_secret("airflow-secrets-rotated", version(0))
    task("mobility")
    monkeypatch.setattr(backend_module, "FOUND_SECONDS", 0.0)
    context = multiprocessing.get_context("fork")
    done, begun, seen = context.Event(), context.Queue(), context.Queue()
    processes = [context.Process(target=read, args=(done, begun, seen, True)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    threads = [threading.Thread(target=read, args=(done, begun, seen, False)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(THREADS + PROCESSES):
            begun.get(timeout=60)
        for number in range(1, VERSIONS):
            writer.set_secret("airflow-secrets-rotated", version(number))
            assert fresh().get_secret("rotated") == version(number)
    finally:
        done.set()
        counts: list[Counter[str]] = [seen.get(timeout=60) for _ in range(THREADS + PROCESSES)]
        for reader in (*threads, *processes):
            reader.join()
    known = {version(number)[:1] for number in range(VERSIONS)}
    for counted in counts:
        assert set(counted) <= known, f"a reader failed or saw what was never set: {set(counted) - known}"
        assert len(counted) > 1, "no rotation fell into the time of this reader"


def fresh() -> TenantSecretsBackend:
    repository = {"url": "git://127.0.0.1:9/none", "branch": "main"}
    return TenantSecretsBackend(vault_url=url("mobility"), owner="airflow-", repository=repository)


def read(done: Any, begun: Queue[None], seen: Queue[Counter[str]], own_process: bool) -> None:
    """Says when it has read once. Counts what it saw, by the character that makes a version; all else as it is."""
    if own_process:
        key_vault.vault_client.cache_clear()
        key_vault._credential.cache_clear()
    counted: Counter[str] = Counter()
    backend = fresh()
    while not done.is_set():
        try:
            value = backend.get_secret("rotated") or "absent"
        except Exception as error:  # noqa: BLE001 - the test says which
            value = repr(error)
        if not counted:
            begun.put(None)
        counted[value[0] if value == value[0] * 20_000 else value[:200]] += 1
    seen.put(counted)
