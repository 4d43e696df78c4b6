"""Azure has a bad day: what the plug-in rides out, and what it says when it cannot."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.plugins.azure_native import client
from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.values import Secret

GROUP = "resources:ResourceGroup"
IDENTITY = "managedidentity:UserAssignedIdentity"
CREDENTIAL = "managedidentity:FederatedIdentityCredential"


def identity(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**group, "resourceName": "id-a", "location": "westeurope", **more}


def credential(group: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        **group,
        "resourceName": "id-a",
        "federatedIdentityCredentialResourceName": f"fic-{number}",
        "audiences": ["api://AzureADTokenExchange"],
        "issuer": "https://issuer.example",
        "subject": f"system:serviceaccount:ns:account-{number}",
    }


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(client, "_LONGEST_PAUSE", 0.05)


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "fail", "status": 500, "times": 4},
        {"action": "fail", "status": 503, "times": 2},
        {"action": "fail", "status": 409, "code": "AnotherOperationInProgress", "times": 12},
        {"action": "fail", "status": 400, "code": "PrincipalNotFound", "times": 12},
        {"action": "throttle", "retry_after": 0, "times": 12},
        {"action": "drop", "when": "before", "times": 3},
        {"action": "drop", "when": "after", "times": 1},
        {"action": "create-then-500", "times": 1},
    ],
    ids=lambda fault: "-".join(str(fault[key]) for key in ("action", "code", "status", "when") if key in fault),
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_create_survives(arm: Any, azure: Any, group: dict[str, Any], fault: dict[str, Any], method: str) -> None:
    arm.faults({"match": {"method": method, "name": "id-a"}, **fault})
    resource_id, outputs = azure.create(IDENTITY, identity(group, tags={"a": "b"}))
    assert outputs["principalId"]
    assert arm.names().count("id-a") == 1
    assert azure.read(IDENTITY, resource_id)[2]["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    "fault", [{"action": "create-then-500"}, {"action": "drop", "when": "after"}], ids=["500", "cut"]
)
def test_a_write_whose_answer_was_lost_is_not_written_twice(arm: Any, azure: Any, group: Any, fault: Any) -> None:
    write = {"method": "PUT", "name": "id-a"}
    arm.faults({"match": write, **fault}, {"match": write, "action": "fail", "status": 403, "code": "WrittenTwice"})
    azure.create(IDENTITY, identity(group))


def test_a_lost_answer_to_an_update_is_asked_for_again(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    resource_id, _ = azure.create(IDENTITY, identity(group))
    arm.faults({"match": {"method": "PUT", "name": "id-a"}, "action": "drop", "when": "before"})
    outputs = azure.update(IDENTITY, resource_id, identity(group, tags={"a": "b"}))
    assert outputs["tags"] == {"a": "b"}


def test_a_delete_whose_answer_was_lost_succeeds(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    resource_id, _ = azure.create(IDENTITY, identity(group))
    arm.faults({"match": {"method": "DELETE", "name": "id-a"}, "action": "create-then-500"})
    azure.delete(IDENTITY, resource_id)
    assert "id-a" not in arm.names()


def test_a_real_refusal_is_not_repeated(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults({"match": {"method": "PUT", "name": "id-a"}, "action": "fail", "status": 403, "code": "Forbidden"})
    with pytest.raises(PluginError, match=r'Status=403 Code="Forbidden"'):
        azure.create(IDENTITY, identity(group))
    assert len(arm.requests("PUT", "/id-a")) == 1


def test_an_azure_that_stays_broken_is_given_up(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults({"match": {"method": "PUT", "name": "id-a"}, "action": "fail", "times": 1000})
    with pytest.raises(PluginError, match="Status=500"):
        azure.create(IDENTITY, identity(group))


def test_a_resource_whose_operation_failed_stays_in_the_state(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    azure.create("network:VirtualNetwork", network := {
        **group, "virtualNetworkName": "vnet-a", "location": "westeurope",
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "tags": {"a": Secret("b")},
    })  # fmt: skip
    arm.faults({"match": {"method": "PUT", "name": "vnet-a"}, "action": "lro-fail", "code": "Broken"})
    resource_id = (
        "/subscriptions/0a110000-0000-4000-8000-000000000001/resourceGroups/rg-a"
        "/providers/Microsoft.Network/virtualNetworks/vnet-a"
    )
    with pytest.raises(IncompleteError, match="Broken") as failed:
        azure.update("network:VirtualNetwork", resource_id, network)
    assert failed.value.resource_id == resource_id
    assert failed.value.properties["tags"] == {"a": Secret("b")}


def test_the_programs_timeout_ends_an_operation(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults({"match": {"method": "PUT", "name": "id-a"}, "action": "throttle", "retry_after": 60, "times": 1000})
    with pytest.raises(PluginError, match=r"not finished within 0\.3 s.* raise customTimeouts"):
        azure.create(IDENTITY, identity(group), timeout=0.3)


def test_an_interrupted_engine_does_not_wait_for_azure(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults({"match": {"method": "PUT", "name": "id-a"}, "action": "throttle", "retry_after": 60, "times": 1000})
    threading.Timer(0.2, azure.plugin.Cancel, (None, None)).start()
    with pytest.raises(PluginError, match="interrupted"):
        azure.create(IDENTITY, identity(group))


def test_credentials_of_one_identity_written_in_parallel_all_arrive(arm: Any, azure: Any, group: Any) -> None:
    azure.create(IDENTITY, identity(group))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: azure.create(CREDENTIAL, credential(group, number)), range(6)))
    assert {f"fic-{number}" for number in range(6)} <= set(arm.names())


def test_resources_are_made_at_the_same_time(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults(
        {"match": {"method": "PUT", "type": "*userAssignedIdentities"}, "action": "delay", "seconds": 3, "times": 8}
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: azure.create(IDENTITY, identity(group, resourceName=f"id-{n}")), range(8)))
    starts = [
        entry["time"] - entry["milliseconds"] / 1000 for entry in arm.requests("PUT", "") if "/id-" in entry["path"]
    ]
    ends = [entry["time"] for entry in arm.requests("PUT", "") if "/id-" in entry["path"]]
    assert len(starts) == 8
    assert max(starts) < min(ends), "a request began only after another had ended"


def test_throttling_slows_down_and_breaks_nothing(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    arm.faults(write_burst=2, writes_per_second=50)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: azure.create(IDENTITY, identity(group, resourceName=f"id-{n}")), range(8)))
    assert len([name for name in arm.names() if name.startswith("id-")]) == 8
