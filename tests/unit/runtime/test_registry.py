"""The tenant registry: what running parts believe about tenants, and what they survive."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.kubernetes_api import ApiError, KubernetesApi
from ariel_runtime.registry import Follower, MalformedEntryError, Snapshot, TenantRegistry, parse, parse_roles

from components import tenant_registry
from sandbox.pki import Authority
from tests.unit.runtime.api_server import ApiServer, document


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    running = ApiServer(tmp_path)
    yield running
    running.close()


def snapshots(server: ApiServer, count: int) -> list[Snapshot]:
    """The first so many snapshots that a follower of this server sees."""
    following = TenantRegistry(server.api, "airflow", watch_seconds=5).follow(threading.Event())
    return [next(following) for _ in range(count)]


def event(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": item}


def test_a_document_becomes_a_typed_tenant() -> None:
    tenant = parse(json.dumps(document(alerts={"channel": "slack", "target": "#w", "pager": "#p"})))
    assert (tenant.slug, tenant.task_namespace, tenant.parse_namespace) == ("weather", "tasks-weather", "parse-weather")
    assert tenant.accounts == {"task": "t", "task-etl": "e"}
    assert tenant.roles["ariel_dagproc_weather"].pool_size == 2
    assert tenant.alerts is not None
    assert (tenant.alerts.target, tenant.alerts.pager) == ("#w", "#p")


def test_what_the_program_writes_can_be_read() -> None:
    """Both sides name the same parts; a part that only one of them knows would be lost or missing."""
    written = inspect.getsource(tenant_registry._document)
    for part in document():
        assert f'"{part}":' in written


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"slots": "20"}, "slots: must be a number"),
        ({"slots": True}, "slots: must be a number"),
        ({"slots": -1}, "slots: must not be negative"),
        ({"slug": "../x"}, "slug: must match"),
        ({"repository": {"url": "u", "path": ""}}, "repository.branch: is missing"),
        ({"environment": {"A": 1}}, "environment.A: must be a text"),
        ({"accounts": {"task": "t"}}, "accounts.task: must be an object"),
        ({"images": [1]}, "images: must be a list of texts"),
        ({"vault": {"url": "https://kv", "shared": "no"}}, "vault.shared: must be true or false"),
        ({"roles": {'x" "y': {}}}, "a role's name matches"),
        ({"alerts": {"channel": "slack"}}, "alerts.target: is missing"),
    ],
)
def test_a_wrong_document_says_where_it_is_wrong(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(MalformedEntryError) as refused:
        parse(json.dumps(document(**changes)))
    assert where in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_document_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(MalformedEntryError):
        parse(text)
    with pytest.raises(MalformedEntryError):
        parse_roles(text)


def test_a_verifier_is_shown_neither_by_a_message_nor_by_a_tenant() -> None:
    secret = "SCRAM-SHA-256$1:bm90$b25l\n"  # noqa: S105
    entry = document()
    entry["roles"]["ariel_dagproc_weather"]["verifier"] = secret
    with pytest.raises(MalformedEntryError) as refused:
        parse(json.dumps(entry))
    assert "bm90" not in str(refused.value)
    assert "c2FsdA" not in repr(parse(json.dumps(document())))


def test_one_malformed_entry_does_not_stop_the_others(server: ApiServer) -> None:
    server.put("mobility", "{}")
    server.put("weather")
    snapshot = TenantRegistry(server.api, "airflow").read()
    assert list(snapshot.tenants) == ["weather"]
    assert "ConfigMap tenant-mobility: namespaces: is missing" in snapshot.malformed["mobility"]


def test_a_tenant_stays_as_it_was_when_its_entry_becomes_malformed(server: ApiServer) -> None:
    server.put("weather")
    server.watches = [[event("MODIFIED", {**server.put("weather"), "data": {"tenant.json": "{"}})]]
    before, after = snapshots(server, 2)
    assert after.tenants == before.tenants
    assert list(after.malformed) == ["weather"]


@pytest.mark.parametrize("role", ["ariel_runtime", "ariel_dagproc_mobility", "ariel_owner"])
def test_a_tenants_entry_cannot_claim_a_role_that_is_not_its_own(server: ApiServer, role: str) -> None:
    login = document()["roles"]["ariel_dagproc_weather"]
    server.put("weather", json.dumps(document(roles={role: login})))
    snapshot = TenantRegistry(server.api, "airflow").read()
    assert not snapshot.tenants
    assert role in snapshot.malformed["weather"]


def test_an_entry_under_another_tenants_label_is_refused(server: ApiServer) -> None:
    server.put("weather", json.dumps(document("mobility")))
    assert "label says weather" in TenantRegistry(server.api, "airflow").read().malformed["weather"]


def test_tenants_come_and_go_without_a_new_list(server: ApiServer) -> None:
    weather = server.put("weather")
    added = server.put("mobility")
    del server.items["mobility"]
    server.version = 11
    server.watches = [[event("ADDED", added), event("DELETED", weather)]]
    assert [sorted(snapshot.tenants) for snapshot in snapshots(server, 3)] == [
        ["weather"],
        ["mobility", "weather"],
        ["mobility"],
    ]
    assert [query for query in server.queries if "watch" not in query] == [{"labelSelector": "ariel.dev/tenant"}]


def test_a_bookmark_moves_the_place_from_which_the_next_watch_starts(server: ApiServer) -> None:
    server.put("weather")
    server.watches = [
        [event("BOOKMARK", {"metadata": {"resourceVersion": "99"}})],
        [event("ADDED", server.put("mobility"))],
    ]
    del server.items["mobility"]
    server.version = 11
    snapshots(server, 2)
    assert [query.get("resourceVersion") for query in server.queries] == [None, "11", "99"]


@pytest.mark.parametrize(
    "gone", [410, [{"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}]]
)
def test_a_place_that_the_server_forgot_leads_to_a_new_list(server: ApiServer, gone: Any) -> None:
    server.put("weather")
    server.watches = [gone]
    following = TenantRegistry(server.api, "airflow", watch_seconds=5).follow(threading.Event())
    next(following)
    server.put("mobility")
    assert sorted(next(following).tenants) == ["mobility", "weather"]


def test_an_api_server_that_is_away_is_waited_for(server: ApiServer) -> None:
    server.put("weather")
    server.failing_lists = 1
    (snapshot,) = snapshots(server, 1)
    assert list(snapshot.tenants) == ["weather"]


def test_a_refusal_says_what_the_server_said(server: ApiServer) -> None:
    server.failing_lists = 1
    with pytest.raises(ApiError, match="500: etcd is away"):
        TenantRegistry(server.api, "airflow").read()


def test_a_server_with_a_foreign_certificate_is_not_believed(server: ApiServer, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign", "foreign").files.certificate
    api = KubernetesApi(host=server.api.host, port=server.api.port, token_file=server.api.token_file, ca_file=foreign)
    with pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
        TenantRegistry(api, "airflow").read()
    assert not server.queries


def test_a_follower_holds_the_latest_state_for_others(server: ApiServer) -> None:
    server.put("weather")
    seen: list[Snapshot] = []
    follower = Follower(TenantRegistry(server.api, "airflow", watch_seconds=5), seen.append)
    assert not follower.latest.tenants
    follower.start()
    assert follower.wait(10)
    assert list(follower.latest.tenants) == ["weather"]
    assert follower.alive
    follower.stop()


def test_the_reading_side_needs_no_lock(server: ApiServer) -> None:
    """A snapshot is never changed after it was given: an executor may keep one while the registry moves on."""
    server.put("weather")
    server.watches = [[event("ADDED", server.put("mobility"))]]
    del server.items["mobility"]
    first, second = snapshots(server, 2)
    assert (len(first.tenants), len(second.tenants)) == (1, 2)
