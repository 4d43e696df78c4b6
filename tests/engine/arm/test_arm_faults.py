"""The fault schedule does what it says, as often as it says, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.arm.app import ConnectionDroppedError
from tests.engine.arm.cloud import GROUP, Cloud, code
from tests.engine.arm.examples import CLUSTER_IDENTITY, HERE, NETWORK, VAULT, VNET, assignment, grant, vault_body

NSG = f"{NETWORK}/networkSecurityGroups/nsg"


def schedule(cloud: Cloud, *rules: dict[str, Any]) -> None:
    assert cloud.client.put("/_sandbox/faults", json={"rules": list(rules)}).status_code == 200


def test_a_scheduled_failure_hits_as_often_as_it_says_and_applies_nothing(cloud: Cloud) -> None:
    rule = {"match": {"method": "PUT", "type": "Microsoft.KeyVault/*", "name": "kv-*"}, "times": 2, "skip": 0}
    schedule(cloud, {**rule, "action": "fail", "status": 503, "code": "ServiceUnavailable", "message": "not now"})
    for remaining in (1, 0):
        answer = cloud.put(VAULT, vault_body())
        assert (answer.status_code, code(answer)) == (503, "ServiceUnavailable")
        assert cloud.get(VAULT).status_code == 404
        assert cloud.client.get("/_sandbox/faults").json()["rules"][0]["times"] == remaining
    cloud.made(VAULT, vault_body())


def test_a_fault_lets_the_first_requests_pass_and_others_alone(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"path": "*/vaults/*", "method": "PUT"}, "action": "fail", "skip": 1})
    cloud.made(CLUSTER_IDENTITY, HERE)
    cloud.made(VAULT, vault_body())
    assert cloud.put(VAULT, vault_body()).status_code == 500
    assert cloud.put(VAULT, vault_body()).status_code == 200


def test_create_then_500_leaves_the_resource_behind(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"method": "PUT"}, "action": "create-then-500"})
    assert cloud.put(VAULT, vault_body()).status_code == 500
    assert cloud.get(VAULT).status_code == 200


def test_a_scheduled_throttle_says_when_to_come_back(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"method": "PUT"}, "action": "throttle", "retry_after": 7})
    answer = cloud.put(VAULT, vault_body())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_an_operation_can_fail_and_be_repeated(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"type": "*/networkSecurityGroups"}, "action": "lro-fail", "code": "Broken"})
    answer = cloud.send("PUT", NSG, {**HERE, "properties": {}})
    assert answer.status_code == 201
    assert cloud.wait(answer) == "Failed"
    status = cloud.client.get(answer.headers["Azure-AsyncOperation"]).json()
    assert status["error"]["code"] == "Broken"
    assert cloud.get(NSG).json()["properties"]["provisioningState"] == "Failed"
    cloud.made(NSG, {**HERE, "properties": {}})
    assert cloud.get(NSG).json()["properties"]["provisioningState"] == "Succeeded"


def test_a_delete_can_fail_and_be_repeated(cloud: Cloud) -> None:
    cloud.made(NSG, {**HERE, "properties": {}})
    schedule(cloud, {"match": {"method": "DELETE"}, "action": "lro-fail"})
    assert cloud.wait(cloud.send("DELETE", NSG)) == "Failed"
    assert cloud.get(NSG).status_code == 200
    cloud.delete(NSG)
    assert cloud.get(NSG).status_code == 404


@pytest.mark.parametrize(("when", "expected"), [("before", 404), ("after", 200)])
def test_a_dropped_connection_comes_before_or_after_the_write(cloud: Cloud, when: str, expected: int) -> None:
    schedule(cloud, {"match": {"method": "PUT"}, "action": "drop", "when": when})
    with pytest.raises(ConnectionDroppedError):
        cloud.put(VAULT, vault_body())
    assert cloud.get(VAULT).status_code == expected


def test_a_delayed_write_still_happens(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"method": "PUT"}, "action": "delay", "seconds": 0.01})
    cloud.made(VAULT, vault_body())


def test_a_role_with_principal_type_can_be_made_to_wait_too(cloud: Cloud) -> None:
    principal = cloud.made(CLUSTER_IDENTITY, HERE)["properties"]["principalId"]
    schedule(
        cloud,
        {"match": {"type": "*/roleAssignments"}, "action": "fail", "status": 400, "code": "PrincipalNotFound"},
    )
    body = grant(principal, "4633458b-17de-408a-b874-0445c86b69e6")
    assert code(cloud.put(assignment(GROUP, 1), body)) == "PrincipalNotFound"
    cloud.made(assignment(GROUP, 1), body)


def test_limits_shrink_with_the_schedule_and_come_back(cloud: Cloud) -> None:
    shrunk = {"limits": {"write_burst": 1, "writes_per_second": 0.1}}
    assert cloud.client.put("/_sandbox/faults", json=shrunk).json()["limits"]["write_burst"] == 1
    cloud.made(CLUSTER_IDENTITY, HERE)
    assert cloud.put(CLUSTER_IDENTITY, HERE).status_code == 429
    assert cloud.client.delete("/_sandbox/faults").json() == {
        "rules": [],
        "limits": cloud.client.get("/_sandbox/faults").json()["limits"],
        "tokens": {"lifetime_seconds": 86_400, "extra_bytes": 0},
    }
    assert cloud.put(CLUSTER_IDENTITY, HERE).status_code == 200


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"rules": [{"action": "explode"}]}, "rules[0].action"),
        ({"rules": [{"action": "fail", "match": {"colour": "red"}}]}, "rules[0].match"),
        ({"rules": [{"action": "fail", "seconds": 1}]}, "rules[0].seconds"),
        ({"limits": {"patience": 1}}, "limits.patience"),
        ({"faults": []}, "$"),
        ("nonsense", "$"),
    ],
)
def test_a_wrong_schedule_is_refused_with_its_place(cloud: Cloud, document: Any, place: str) -> None:
    answer = cloud.client.put("/_sandbox/faults", json=document)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(f"{place}:")


def test_the_log_names_every_request_and_no_secret(cloud: Cloud) -> None:
    cloud.made(VAULT, vault_body())
    cloud.made(f"{VAULT}/secrets/token", {"properties": {"value": "a-very-secret-value"}})
    shown = cloud.get(f"{VAULT}/secrets/token")
    assert "a-very-secret-value" not in shown.text
    entries = cloud.client.get("/_sandbox/requests").json()
    written = next(entry for entry in entries if entry["path"].endswith("/secrets/token") and entry["method"] == "PUT")
    assert written["status"] == 201
    assert {"time", "milliseconds", "correlation", "query"} <= set(written)
    assert "a-very-secret-value" not in str(entries)
    assert "a-very-secret-value" not in str(cloud.everything())


def test_a_reset_leaves_an_empty_cloud(cloud: Cloud) -> None:
    cloud.made(VAULT, vault_body())
    cloud.delete(VAULT)
    cloud.made(VNET, {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
    schedule(cloud, {"match": {"method": "PUT"}, "action": "fail"})
    assert cloud.client.post("/_sandbox/reset").status_code == 204
    assert cloud.everything() == []
    cloud.made(GROUP, HERE)
    cloud.made(VAULT, vault_body())


def test_a_request_without_an_answer_is_in_the_log_all_the_same(cloud: Cloud) -> None:
    schedule(cloud, {"match": {"method": "PUT"}, "action": "drop"})
    with pytest.raises(ConnectionDroppedError):
        cloud.put(VAULT, vault_body())
    last = cloud.client.get("/_sandbox/requests").json()[-1]
    assert (last["method"], last["path"], last["status"]) == ("PUT", VAULT, 0)
