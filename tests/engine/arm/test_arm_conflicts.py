"""Writes that meet: long-running operations, one write at a time, replication, limits, throttling, conditions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.arm.cloud import GROUP, PLENTY, SUBSCRIPTION, TOKEN, Clock, Cloud, code, running
from tests.engine.arm.examples import (
    CLUSTER,
    CLUSTER_IDENTITY,
    DATABASE,
    ENDPOINTS,
    GROUP_ID,
    HERE,
    NETWORK,
    NETWORK_CONTRIBUTOR,
    NODES,
    SECRETS_USER,
    SERVER,
    VAULT,
    VNET,
    assignment,
    build,
    cluster_body,
    endpoint_body,
    grant,
    server_body,
    subnet,
    system_pool,
    vault_body,
)

NETWORK_BODY = {**HERE, "properties": {"addressSpace": {"addressPrefixes": ["10.10.0.0/16"]}}}
CREDENTIALS = f"{CLUSTER_IDENTITY}/federatedIdentityCredentials"


def credential(subject: str) -> dict[str, object]:
    return {"properties": {"issuer": "https://issuer.example", "subject": subject, "audiences": ["a"]}}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow(tmp_path: Path, clock: Clock) -> Iterator[Cloud]:
    """A cloud whose operations take ten seconds of a clock that only the test moves."""
    with running(tmp_path, clock=clock) as cloud:
        build(cloud, until=SERVER)
        cloud.client.app.state.service.world.settings = replace(  # type: ignore[attr-defined]
            cloud.client.app.state.service.world.settings,  # type: ignore[attr-defined]
            operation_seconds=10.0,
        )
        yield cloud


def test_a_created_server_is_ready_only_when_its_operation_has_ended(slow: Cloud, clock: Clock) -> None:
    answer = slow.send("PUT", SERVER, server_body())
    assert answer.status_code == 201
    assert answer.headers["Retry-After"] == "10"
    status, result = answer.headers["Azure-AsyncOperation"], answer.headers["Location"]
    assert slow.client.get(status).json()["status"] == "InProgress"
    assert slow.client.get(result).status_code == 202
    clock.now += 10
    assert slow.client.get(status).json()["status"] == "Succeeded"
    assert slow.client.get(result).json()["id"] == SERVER


def test_an_operation_that_was_under_way_at_a_stop_ends_after_the_restart(tmp_path: Path, clock: Clock) -> None:
    group = {**HERE, "properties": {}}
    path = f"{NETWORK}/networkSecurityGroups/nsg"
    with running(tmp_path, clock=clock, operation_seconds=10.0) as cloud:
        cloud.send("PUT", GROUP, HERE)
        status = cloud.send("PUT", path, group).headers["Azure-AsyncOperation"]
        assert cloud.client.get(status).json()["status"] == "InProgress"
    clock.now += 10
    with running(tmp_path, clock=clock, operation_seconds=10.0) as cloud:
        assert cloud.client.get(status).json()["status"] == "Succeeded"
        assert cloud.get(path).json()["properties"]["provisioningState"] == "Succeeded"


def test_a_subnet_is_refused_while_another_one_is_written(slow: Cloud, clock: Clock) -> None:
    assert slow.send("PUT", f"{VNET}/subnets/a", subnet("10.10.20.0/24")).status_code == 201
    second = slow.send("PUT", f"{VNET}/subnets/b", subnet("10.10.21.0/24"))
    assert (second.status_code, code(second)) == (429, "AnotherOperationInProgress")
    assert second.headers["Retry-After"] == "1"
    clock.now += 10
    assert slow.send("PUT", f"{VNET}/subnets/b", subnet("10.10.21.0/24")).status_code == 201


def test_a_resource_that_is_still_being_made_cannot_be_used_by_others(slow: Cloud, clock: Clock) -> None:
    assert slow.send("PUT", f"{NETWORK}/networkSecurityGroups/new", {**HERE, "properties": {}}).status_code == 201
    body = subnet("10.10.20.0/24", networkSecurityGroup={"id": f"{NETWORK}/networkSecurityGroups/new"})
    answer = slow.send("PUT", f"{VNET}/subnets/a", body)
    assert (answer.status_code, code(answer)) == (429, "RetryableError")
    clock.now += 10
    assert slow.send("PUT", f"{VNET}/subnets/a", body).status_code == 201


def test_parallel_writes_below_one_server_meet_a_busy_server(slow: Cloud, clock: Clock) -> None:
    slow.send("PUT", SERVER, server_body())
    while_creating = slow.send("PUT", f"{SERVER}/databases/airflow", {"properties": {}})
    assert (while_creating.status_code, code(while_creating)) == (409, "ServerIsBusy")
    clock.now += 10
    assert slow.send("PUT", f"{SERVER}/databases/airflow", {"properties": {}}).status_code == 201
    parallel = slow.send("PUT", f"{SERVER}/configurations/log_checkpoints", {"properties": {"value": "off"}})
    assert (parallel.status_code, code(parallel)) == (409, "ServerIsBusy")
    clock.now += 10
    set_now = slow.send("PUT", f"{SERVER}/configurations/log_checkpoints", {"properties": {"value": "off"}})
    assert set_now.status_code in (200, 201)


def test_a_group_that_is_going_takes_nothing_new(slow: Cloud, clock: Clock) -> None:
    assert slow.send("DELETE", GROUP).status_code == 202
    answer = slow.send("PUT", f"{NETWORK}/networkSecurityGroups/late", {**HERE, "properties": {}})
    assert (answer.status_code, code(answer)) == (409, "ResourceGroupBeingDeleted")
    clock.now += 10
    assert slow.get(GROUP).status_code == 404


def test_a_static_parameter_waits_for_a_restart(bare: Cloud) -> None:
    build(bare, until=CLUSTER)
    path = f"{SERVER}/configurations/max_connections"
    default = bare.get(path).json()["properties"]
    assert (default["value"], default["source"]) == ("859", "system-default")
    changed = bare.made(path, {"properties": {"value": "1000", "source": "user-override"}})["properties"]
    assert (changed["value"], changed["isConfigPendingRestart"]) == ("1000", True)
    assert bare.delete(path).status_code == 405
    listed = bare.client.get(f"{SERVER}/configurations", params={"api-version": "2025-08-01"}).json()["value"]
    assert {"azure.extensions", "max_connections", "require_secure_transport"} <= {item["name"] for item in listed}


def test_pgbouncer_is_refused_on_a_burstable_server(cloud: Cloud) -> None:
    body = {
        **HERE,
        "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
        "properties": {"version": "17", "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"}},
    }
    cloud.made(SERVER, body)
    answer = cloud.put(f"{SERVER}/configurations/pgbouncer.enabled", {"properties": {"value": "true"}})
    assert code(answer) == "FeatureNotSupportedForSku"


def test_an_administrator_needs_entra_sign_in(cloud: Cloud) -> None:
    login = {"administratorLogin": "boss", "administratorLoginPassword": "correct-horse-battery"}
    sku = {"name": "Standard_B1ms", "tier": "Burstable"}
    made = cloud.made(SERVER, {**HERE, "sku": sku, "properties": {"version": "17", **login}})
    assert "administratorLoginPassword" not in made["properties"]
    answer = cloud.put(
        f"{SERVER}/administrators/{GROUP_ID}", {"properties": {"principalName": "x", "principalType": "Group"}}
    )
    assert code(answer) == "AadAuthNotEnabled"


def test_the_21st_credential_of_an_identity_is_refused(cloud: Cloud) -> None:
    cloud.made(CLUSTER_IDENTITY, HERE)
    for number in range(20):
        cloud.made(f"{CREDENTIALS}/fic-{number}", credential(f"s{number}"))
    answer = cloud.put(f"{CREDENTIALS}/fic-20", credential("s20"))
    assert code(answer) == "FederatedIdentityCredentialsCountExceeded"


def test_a_role_for_a_new_identity_waits_for_replication_unless_its_type_is_given(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock, limits=replace(PLENTY, replication_seconds=60)) as cloud:
        cloud.made(GROUP, HERE)
        principal = cloud.made(CLUSTER_IDENTITY, HERE)["properties"]["principalId"]
        early = cloud.put(assignment(GROUP, 1), grant(principal, SECRETS_USER, None))
        assert (early.status_code, code(early)) == (400, "PrincipalNotFound")
        cloud.made(assignment(GROUP, 2), grant(principal, SECRETS_USER))
        cloud.delete(assignment(GROUP, 2))
        clock.now += 60
        cloud.made(assignment(GROUP, 1), grant(principal, SECRETS_USER, None))


def test_role_assignments_of_a_subscription_run_out(tmp_path: Path) -> None:
    with running(tmp_path, limits=replace(PLENTY, role_assignments=2)) as cloud:
        cloud.made(GROUP, HERE)
        for number in (1, 2):
            principal = cloud.made(f"{CLUSTER_IDENTITY}-{number}", HERE)["properties"]["principalId"]
            cloud.made(assignment(GROUP, number), grant(principal, SECRETS_USER))
        answer = cloud.put(assignment(GROUP, 3), grant(GROUP_ID, SECRETS_USER, "Group"))
        assert code(answer) == "RoleAssignmentLimitExceeded"


def test_a_sixth_diagnostic_setting_is_refused(cloud: Cloud) -> None:
    cloud.made(VAULT, vault_body())
    for number in range(6):
        workspace = f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log-{number}"
        cloud.made(workspace, {**HERE, "properties": {"sku": {"name": "PerGB2018"}}})
        logs = [{"category": "AuditEvent", "enabled": True}]
        answer = cloud.put(
            f"{VAULT}/providers/Microsoft.Insights/diagnosticSettings/d{number}",
            {"properties": {"workspaceId": workspace, "logs": logs}},
        )
        assert answer.status_code == (409 if number == 5 else 201)


def test_writes_beyond_the_bucket_are_throttled_and_reads_are_not(tmp_path: Path) -> None:
    with running(tmp_path, limits=replace(PLENTY, write_burst=2, writes_per_second=0.5)) as cloud:
        first = cloud.put(GROUP, HERE)
        assert first.headers["x-ms-ratelimit-remaining-subscription-writes"] == "1"
        cloud.put(GROUP, HERE)
        answer = cloud.put(GROUP, HERE)
        assert (answer.status_code, code(answer)) == (429, "SubscriptionRequestsThrottled")
        assert int(answer.headers["Retry-After"]) >= 1
        assert cloud.get(GROUP).status_code == 200


def test_deletes_have_a_bucket_of_their_own(tmp_path: Path) -> None:
    with running(tmp_path, limits=replace(PLENTY, delete_burst=1, deletes_per_second=0.5)) as cloud:
        cloud.made(GROUP, HERE)
        assert cloud.delete(CLUSTER_IDENTITY).status_code == 204
        assert cloud.delete(CLUSTER_IDENTITY).status_code == 429


def test_a_write_under_an_old_etag_is_refused(cloud: Cloud) -> None:
    etag = cloud.made(CLUSTER_IDENTITY, HERE)["etag"]
    cloud.made(CLUSTER_IDENTITY, {**HERE, "tags": {"a": "b"}})
    assert code(cloud.put(CLUSTER_IDENTITY, HERE, **{"If-Match": etag})) == "PreconditionFailed"
    assert code(cloud.put(CLUSTER_IDENTITY, HERE, **{"If-None-Match": "*"})) == "PreconditionFailed"


def test_a_patch_changes_only_what_it_names(cloud: Cloud) -> None:
    cloud.made(CLUSTER_IDENTITY, {**HERE, "tags": {"a": "1", "b": "2"}})
    assert cloud.send("PATCH", CLUSTER_IDENTITY, {"tags": {"b": "3"}}).json()["tags"] == {"a": "1", "b": "3"}
    assert cloud.send("PATCH", f"{CLUSTER_IDENTITY}-none", {"tags": {}}).status_code == 404


def test_ids_are_the_same_in_any_case(cloud: Cloud) -> None:
    made = cloud.made(CLUSTER_IDENTITY, HERE)
    shouted = cloud.client.get(CLUSTER_IDENTITY.upper(), params={"api-version": "2023-01-31"})
    assert shouted.json() == made


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}"])
def test_nothing_is_answered_without_the_token_except_health(cloud: Cloud, header: str | None) -> None:
    del cloud.client.headers["Authorization"]
    given = {} if header is None else {"Authorization": header}
    for path in (GROUP, "/_sandbox/resources", "/_sandbox/faults", "/_sandbox/requests"):
        assert cloud.client.get(path, headers=given).status_code == 401
    assert cloud.client.get("/_sandbox/health").json() == {"status": "ok"}


def test_a_cluster_hands_out_the_given_kubeconfig_and_no_admin_one(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with running(tmp_path / "state", kubeconfig=kubeconfig, oidc_issuer="https://issuer.local") as cloud:
        build(cloud)
        ask = {"params": {"api-version": "2025-09-01"}}
        assert cloud.client.post(f"{CLUSTER}/listClusterUserCredential", **ask).status_code == 404
        kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
        answer = cloud.client.post(f"{CLUSTER}/listClusterUserCredential", **ask).json()
        assert base64.b64decode(answer["kubeconfigs"][0]["value"]).decode() == kubeconfig.read_text()
        refused = cloud.client.post(f"{CLUSTER}/listClusterAdminCredential", **ask)
        assert refused.status_code == 400
        shown = cloud.get(CLUSTER).json()["properties"]
        assert shown["oidcIssuerProfile"]["issuerURL"] == "https://issuer.local"
        assert {pool["name"] for pool in shown["agentPoolProfiles"]} == {"system", "tasks"}
        identity = cloud.get(shown["identityProfile"]["kubeletidentity"]["resourceId"]).json()["properties"]
        assert shown["identityProfile"]["kubeletidentity"]["objectId"] == identity["principalId"]


def test_storage_never_shrinks(cloud: Cloud) -> None:
    body = {
        **HERE,
        "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
        "properties": {
            "version": "17",
            "storage": {"storageSizeGB": 64},
            "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"},
        },
    }
    cloud.made(SERVER, body)
    body["properties"] = {**body["properties"], "storage": {"storageSizeGB": 32}}  # type: ignore[dict-item]
    assert code(cloud.put(SERVER, body)) == "StorageSizeDecreaseNotSupported"


def test_a_server_shares_its_subnet_with_nobody(bare: Cloud) -> None:
    build(bare, until=SERVER)
    principal = bare.get(CLUSTER_IDENTITY).json()["properties"]["principalId"]
    bare.made(assignment(DATABASE, 5), grant(principal, NETWORK_CONTRIBUTOR))
    intruder = cluster_body(agentPoolProfiles=[system_pool(vnetSubnetID=DATABASE)], networkProfile={})
    bare.made(CLUSTER, intruder)
    assert code(bare.put(SERVER, server_body())) == "SubnetInUseByOtherResource"


def test_a_full_subnet_takes_no_more_endpoints(cloud: Cloud) -> None:
    cloud.made(VNET, NETWORK_BODY)
    cloud.made(ENDPOINTS, subnet("10.10.4.0/29"))
    cloud.made(VAULT, vault_body())
    addresses = [
        cloud.made(f"{NETWORK}/privateEndpoints/pe-{number}", endpoint_body(VAULT, "vault"))["properties"][
            "customDnsConfigs"
        ][0]["ipAddresses"][0]
        for number in range(3)
    ]
    assert addresses == ["10.10.4.4", "10.10.4.5", "10.10.4.6"]
    assert code(cloud.put(f"{NETWORK}/privateEndpoints/pe-3", endpoint_body(VAULT, "vault"))) == "SubnetIsFull"


def test_public_addresses_run_out(cloud: Cloud) -> None:
    body = {**HERE, "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
    answers = [cloud.send("PUT", f"{NETWORK}/publicIPAddresses/pip-{number}", body) for number in range(255)]
    assert code(answers.pop()) == "PublicIPCountLimitReached"
    assert len({answer.json()["properties"]["ipAddress"] for answer in answers}) == 254


def test_a_private_cluster_needs_roles_on_its_zone_and_on_the_network(bare: Cloud) -> None:
    build(bare, until=CLUSTER)
    zone = f"{NETWORK}/privateDnsZones/privatelink.westeurope.azmk8s.io"
    bare.made(zone, {"location": "global"})
    body = cluster_body(apiServerAccessProfile={"enablePrivateCluster": True, "privateDNSZone": zone})
    principal = bare.get(CLUSTER_IDENTITY).json()["properties"]["principalId"]
    for number, scope in enumerate((zone, VNET), start=40):
        assert code(bare.put(CLUSTER, body)) == "CustomPrivateDNSZoneMissingPermissionError"
        bare.made(assignment(scope, number), grant(principal, NETWORK_CONTRIBUTOR))
    made = bare.made(CLUSTER, body)
    assert made["properties"]["privateFQDN"].endswith(".privatelink.westeurope.azmk8s.io")


def test_what_exists_by_itself_cannot_be_deleted(bare: Cloud) -> None:
    build(bare, until=CLUSTER)
    assert code(bare.delete(f"{SERVER}/databases/azure_sys")) == "OperationNotAllowed"
    builtin = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
    assert code(bare.delete(builtin)) == "OperationNotAllowed"
    assert bare.get(builtin).json()["properties"]["roleName"] == "Key Vault Secrets User"


def test_endpoints_of_one_subnet_get_addresses_of_their_own(bare: Cloud) -> None:
    build(bare, until=SERVER)
    taken = {
        entry["ipAddresses"][0]
        for found in bare.everything()
        if found["type"].endswith("privateEndpoints")
        for entry in found["properties"]["customDnsConfigs"]
    }
    assert taken == {"10.10.4.4"}
    assert bare.get(NODES).json()["properties"]["privateEndpointNetworkPolicies"] == "Disabled"


def test_a_group_lists_what_it_holds(bare: Cloud) -> None:
    build(bare, until=VNET)
    listed = bare.client.get(f"{GROUP}/resources", params={"api-version": "2024-03-01"}).json()["value"]
    assert f"{NETWORK}/natGateways/nat" in [found["id"] for found in listed]
    groups = bare.client.get(f"{SUBSCRIPTION}/resourcegroups", params={"api-version": "2024-03-01"}).json()["value"]
    assert [found["name"] for found in groups] == ["rg-test"]
    same = bare.client.get(f"{NETWORK}/natGateways", params={"api-version": "2024-05-01"}).json()["value"]
    assert [found["name"] for found in same] == ["nat"]
