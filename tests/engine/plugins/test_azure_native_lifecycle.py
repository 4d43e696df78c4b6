"""The plug-in against the emulated ARM: create, read, update, delete, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plugins.failures import PluginError
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import UNKNOWN, Secret

GROUP = "resources:ResourceGroup"
IDENTITY = "managedidentity:UserAssignedIdentity"
NETWORK = "network:VirtualNetwork"
SUBNET = "network:Subnet"
Kind = provider_pb2.PropertyDiff


def identity(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**group, "resourceName": "id-a", "location": "westeurope", **more}


def network(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    return {**group, "virtualNetworkName": "vnet-a", "location": "westeurope", "addressSpace": space, **more}


def subnet(group: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        **group, "virtualNetworkName": "vnet-a", "subnetName": "snet-a", "addressPrefix": "10.0.0.0/24", **more
    }  # fmt: skip


def test_what_azure_computes_comes_back_as_outputs(azure: Any, group: dict[str, Any]) -> None:
    resource_id, outputs = azure.create(IDENTITY, identity(group, tags={"a": "b"}))
    assert resource_id.endswith("/resourceGroups/rg-a/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a")
    assert outputs["name"] == "id-a"
    assert outputs["tags"] == {"a": "b"}
    assert outputs["principalId"]
    assert outputs["azureApiVersion"] == "2023-01-31"
    assert "properties" not in outputs


def test_a_second_create_of_the_same_identity_is_refused(azure: Any, group: dict[str, Any]) -> None:
    resource_id, _ = azure.create(IDENTITY, identity(group))
    with pytest.raises(PluginError, match=r"cannot create already existing resource '.*/id-a'") as refused:
        azure.create(IDENTITY, identity(group, tags={"other": "owner"}))
    assert resource_id in str(refused.value)
    assert azure.read(IDENTITY, resource_id)[2].get("tags") in (None, {})


def test_a_preview_writes_nothing_and_promises_only_what_is_certain(arm: Any, azure: Any, group: Any) -> None:
    resource_id, outputs = azure.create(NETWORK, network(group, tags={"a": "b"}), preview=True)
    assert resource_id == ""
    assert "vnet-a" not in arm.names()
    assert outputs["name"] == "vnet-a"
    assert outputs["tags"] == {"a": "b"}
    assert "addressSpace" not in outputs
    assert "resourceGroupName" not in outputs


def test_a_preview_does_not_promise_a_name_that_is_unknown(azure: Any, group: dict[str, Any]) -> None:
    _, outputs = azure.create(IDENTITY, identity(group, resourceName=UNKNOWN), preview=True)
    assert "name" not in outputs


def test_an_unchanged_program_changes_nothing(azure: Any, group: dict[str, Any]) -> None:
    inputs = network(group, tags={"a": "b"})
    assert azure.diff(NETWORK, inputs, {**inputs, "location": "West Europe"}).changes == (
        provider_pb2.DiffResponse.DIFF_NONE
    )


def test_moving_a_resource_deletes_the_old_one_first_because_the_name_is_the_same(azure: Any) -> None:
    old = identity({"resourceGroupName": "rg-a"})
    response = azure.diff(IDENTITY, old, {**old, "location": "northeurope"})
    assert list(response.replaces) == ["location"]
    assert response.deleteBeforeReplace


def test_renaming_a_resource_creates_the_new_one_first(azure: Any) -> None:
    old = identity({"resourceGroupName": "rg-a"})
    response = azure.diff(IDENTITY, old, {**old, "resourceName": "id-b"})
    assert list(response.replaces) == ["resourceName"]
    assert not response.deleteBeforeReplace


def test_a_deeper_immutable_value_replaces_and_its_neighbour_does_not(azure: Any) -> None:
    old = {"resourceGroupName": "rg", "resourceName": "aks", "networkProfile": {"podCidr": "10.1.0.0/16", "x": 1}}
    new = {**old, "networkProfile": {"podCidr": "10.2.0.0/16", "x": 2}}
    response = azure.diff("containerservice:ManagedCluster", old, new)
    assert list(response.replaces) == ["networkProfile.podCidr"]
    assert response.detailedDiff["networkProfile.x"].kind == Kind.UPDATE


def test_dropping_the_map_around_an_immutable_value_replaces(azure: Any) -> None:
    old = {"resourceGroupName": "rg", "serverName": "pg", "backup": {"geoRedundantBackup": "Enabled"}}
    response = azure.diff("dbforpostgresql:Server", old, {"resourceGroupName": "rg", "serverName": "pg"})
    assert list(response.replaces) == ["backup"]


def test_an_update_reaches_azure(azure: Any, group: dict[str, Any]) -> None:
    resource_id, _ = azure.create(IDENTITY, identity(group, tags={"a": "b"}))
    outputs = azure.update(IDENTITY, resource_id, identity(group, tags={"a": "c"}))
    assert outputs["tags"] == {"a": "c"}
    assert azure.read(IDENTITY, resource_id)[2]["tags"] == {"a": "c"}


def test_updating_a_network_does_not_lose_the_subnets_that_others_made(azure: Any, group: dict[str, Any]) -> None:
    network_id, _ = azure.create(NETWORK, network(group))
    subnet_id, _ = azure.create(SUBNET, subnet(group))
    outputs = azure.update(NETWORK, network_id, network(group, tags={"a": "b"}))
    assert [inner["name"] for inner in outputs["subnets"]] == ["snet-a"]
    assert azure.read(SUBNET, subnet_id)[0] == subnet_id


def test_a_deleted_resource_is_gone_and_deleting_it_again_succeeds(arm: Any, azure: Any, group: Any) -> None:
    resource_id, _ = azure.create(IDENTITY, identity(group))
    azure.delete(IDENTITY, resource_id)
    assert "id-a" not in arm.names()
    azure.delete(IDENTITY, resource_id)
    assert azure.read(IDENTITY, resource_id) == ("", {}, {})


def test_deleting_a_group_waits_until_it_is_gone(arm: Any, azure: Any, group: dict[str, Any]) -> None:
    resource_id, _ = azure.create(GROUP, {"resourceGroupName": "rg-b", "location": "westeurope"})
    azure.delete(GROUP, resource_id)
    assert "rg-b" not in arm.names()


def test_a_refresh_without_a_change_keeps_the_inputs(azure: Any, group: dict[str, Any]) -> None:
    azure.create(NETWORK, network(group))
    inputs = subnet(group, delegations=[{"name": "d", "serviceName": "Microsoft.DBforPostgreSQL/flexibleServers"}])
    resource_id, outputs = azure.create(SUBNET, inputs)
    assert azure.read(SUBNET, resource_id, inputs, outputs)[1] == inputs


def test_a_subnet_made_elsewhere_does_not_look_like_drift_of_its_network(azure: Any, group: dict[str, Any]) -> None:
    inputs = network(group)
    resource_id, outputs = azure.create(NETWORK, inputs)
    azure.create(SUBNET, subnet(group))
    _, seen, now = azure.read(NETWORK, resource_id, inputs, outputs)
    assert [inner["name"] for inner in now["subnets"]] == ["snet-a"]
    assert seen == inputs


def test_a_refresh_shows_what_somebody_changed_by_hand(azure: Any, group: dict[str, Any]) -> None:
    inputs = identity(group, tags={"a": "b"})
    resource_id, outputs = azure.create(IDENTITY, inputs)
    azure.update(IDENTITY, resource_id, identity(group, tags={"a": "x", "by": "hand"}))
    _, seen, _ = azure.read(IDENTITY, resource_id, inputs, outputs)
    assert seen["tags"] == {"a": "x", "by": "hand"}
    assert azure.diff(IDENTITY, seen, inputs).changes == provider_pb2.DiffResponse.DIFF_SOME


def test_a_refresh_keeps_secrets_wrapped(azure: Any, group: dict[str, Any]) -> None:
    inputs = identity(group, tags={"a": Secret("b")})
    resource_id, outputs = azure.create(IDENTITY, inputs)
    assert outputs["tags"] == {"a": Secret("b")}
    azure.update(IDENTITY, resource_id, identity(group, tags={"a": "x"}))
    _, seen, read = azure.read(IDENTITY, resource_id, inputs, outputs)
    assert seen["tags"] == {"a": Secret("x")}
    assert read["tags"] == {"a": Secret("x")}


def test_an_import_with_the_programs_inputs_needs_no_update(azure: Any, group: dict[str, Any]) -> None:
    azure.create(NETWORK, network(group))
    inputs = subnet(group, privateEndpointNetworkPolicies="Disabled")
    resource_id, _ = azure.create(SUBNET, inputs)
    _, found, outputs = azure.read(SUBNET, resource_id)
    assert azure.diff(SUBNET, found, inputs, outputs).changes == provider_pb2.DiffResponse.DIFF_NONE
    changed = {**inputs, "privateEndpointNetworkPolicies": "Enabled"}
    assert list(azure.diff(SUBNET, found, changed, outputs).diffs) == ["privateEndpointNetworkPolicies"]


def test_a_value_dropped_from_the_program_after_an_import_is_still_a_change(azure: Any, group: Any) -> None:
    inputs = identity(group, tags={"a": "b"})
    resource_id, _ = azure.create(IDENTITY, inputs)
    _, found, outputs = azure.read(IDENTITY, resource_id)
    assert {key: found[key] for key in inputs} == inputs
    assert list(azure.diff(IDENTITY, inputs, identity(group), outputs).diffs) == ["tags"]


def test_an_import_by_an_id_of_another_type_is_refused(azure: Any, group: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="its form is"):
        azure.read(IDENTITY, "/subscriptions/s/resourceGroups/rg-a")


def test_a_misspelt_input_is_refused_before_anything_is_made(azure: Any) -> None:
    failures = azure.check(IDENTITY, identity({"resourceGroupName": "rg"}, tag={"a": "b"})).failures
    assert [failure.property for failure in failures] == ["tag"]
    assert "no such input" in failures[0].reason


def test_a_resource_without_a_name_is_refused(azure: Any) -> None:
    failures = azure.check(IDENTITY, {"resourceGroupName": "rg", "location": "westeurope"}).failures
    assert [failure.property for failure in failures] == ["resourceName"]


def test_a_role_assignment_without_a_role_is_refused(azure: Any) -> None:
    inputs = {"scope": "/subscriptions/s", "roleAssignmentName": "n", "principalId": UNKNOWN}
    failures = azure.check("authorization:RoleAssignment", inputs).failures
    assert [failure.property for failure in failures] == ["roleDefinitionId"]


def test_a_type_outside_the_table_is_refused_with_advice(azure: Any) -> None:
    with pytest.raises(PluginError, match="azure-native:web:WebApp: not known to the sandbox"):
        azure.create("web:WebApp", {})


def test_azures_refusal_is_shown_as_the_published_provider_shows_it(azure: Any, group: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r'Status=404 Code="ResourceGroupNotFound"'):
        azure.create(IDENTITY, identity({"resourceGroupName": "nowhere"}))


@pytest.mark.parametrize("variable", ["ARIEL_ARM_ENDPOINT", "ARIEL_ARM_TOKEN"])
def test_without_an_emulated_arm_the_person_is_told_what_to_do(
    azure: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(PluginError, match=f"{variable}: not set: must be .*: run through `ariel`"):
        azure.plugin.Configure(provider_pb2.ConfigureRequest(), None)


def test_the_client_config_names_the_configured_subscription(azure: Any) -> None:
    request = provider_pb2.InvokeRequest(tok="azure-native:authorization:getClientConfig")
    result = getattr(azure.plugin.Invoke(request, None), "return")
    assert result["subscriptionId"] == "0a110000-0000-4000-8000-000000000001"
