"""The table of types agrees with the published SDK, which is what programs are written against."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest

from sandbox.plugins.azure_native.body import from_arm, keep_shared, to_arm
from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.azure_native.types import TABLE

EVERY_ROW = pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.type.split(":", 1)[1])


def sdk_class(row: ResourceType) -> Any:
    _, module, name = row.type.split(":")
    return getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)


def sdk_inputs(row: ResourceType) -> dict[str, bool]:
    """Input names as the SDK sends them, and whether the SDK requires them."""
    cls = sdk_class(row)
    members = vars(inspect.getmodule(cls))
    # Where a nested input type has the same name, the resource's own is called InitArgs.
    args = members.get(f"{cls.__name__}InitArgs") or members[f"{cls.__name__}Args"]
    signature = inspect.signature(args.__init__).parameters
    return {
        getattr(attribute.fget, "_pulumi_name", name): signature[name].default is inspect.Parameter.empty
        for name, attribute in vars(args).items()
        if isinstance(attribute, property)
    }


def test_the_table_is_not_empty() -> None:
    assert len(TABLE) >= 40


@EVERY_ROW
def test_every_input_of_the_sdk_is_known_and_no_other(row: ResourceType) -> None:
    assert set(sdk_inputs(row)) == row.inputs


@EVERY_ROW
def test_what_the_sdk_requires_is_required(row: ResourceType) -> None:
    required = {name for name, needed in sdk_inputs(row).items() if needed}
    assert required <= row.required | set(row.parameters)


@EVERY_ROW
def test_token_and_api_version_are_the_sdks_own(row: ResourceType) -> None:
    cls = sdk_class(row)
    assert f"'{row.type}'" in inspect.getsource(cls._internal_init)
    stated = re.search(r"Uses Azure REST API version (\S+)\.", inspect.getsource(cls))
    assert stated is not None
    assert stated[1] == row.api_version


@EVERY_ROW
def test_rules_speak_of_inputs_that_exist(row: ResourceType) -> None:
    named = {path.split(".")[0] for path in (*row.force_new, *row.write_only, *row.renames, *row.shared, *row.required)}
    assert named <= row.inputs
    assert not row.envelope & row.properties


@EVERY_ROW
def test_an_id_is_read_as_it_was_written(row: ResourceType) -> None:
    scoped = {"scope", "resourceUri"}
    values = {name: "/subscriptions/s/resourceGroups/g" if name in scoped else f"a-{name}" for name in row.parameters}
    resource_id = row.resource_id({**values, "subscriptionId": "s"})
    assert resource_id.startswith("/subscriptions/")
    assert row.parse(resource_id) == values


@EVERY_ROW
def test_inputs_come_back_from_arms_body_under_their_own_names(row: ResourceType) -> None:
    inputs: dict[str, Any] = {name: f"value of {name}" for name in row.body_inputs}
    inputs.update({path: [{"name": "n", "inner": 1}] for path in row.nested if path in row.body_inputs})
    if not row.flat:
        inputs["properties"] = {"attributes": {"expires": 1}}
    assert from_arm(row, to_arm(row, inputs)) == inputs


def test_what_arm_nests_is_nested() -> None:
    row = TABLE["azure-native:network:NetworkSecurityGroup"]
    rule = {"name": "deny", "access": "Deny", "priority": 4000}
    body = to_arm(row, {"networkSecurityGroupName": "nsg", "location": "westeurope", "securityRules": [rule]})
    inner = {"name": "deny", "properties": {"access": "Deny", "priority": 4000}}
    assert body == {"location": "westeurope", "properties": {"securityRules": [inner]}}


def test_what_arm_calls_differently_is_renamed_at_any_depth() -> None:
    row = TABLE["azure-native:storage:StorageAccount"]
    rules = {"ipRules": [{"iPAddressOrRange": "10.0.0.1"}], "virtualNetworkRules": [{"virtualNetworkResourceId": "/v"}]}
    body = to_arm(row, {"enableHttpsTrafficOnly": True, "networkRuleSet": rules})
    arm_rules = {"ipRules": [{"value": "10.0.0.1"}], "virtualNetworkRules": [{"id": "/v"}]}
    assert body == {"properties": {"supportsHttpsTrafficOnly": True, "networkAcls": arm_rules}}


def test_a_role_definitions_own_type_is_not_taken_for_the_resources_type() -> None:
    row = TABLE["azure-native:authorization:RoleDefinition"]
    body = {"name": "n", "type": "Microsoft.Authorization/roleDefinitions", "properties": {"type": "CustomRole"}}
    outputs = from_arm(row, body)
    assert outputs["roleType"] == "CustomRole"
    assert outputs["type"] == "Microsoft.Authorization/roleDefinitions"


def test_identities_are_a_list_in_the_sdk_and_a_map_in_arm() -> None:
    row = TABLE["azure-native:containerservice:ManagedCluster"]
    identity = {"type": "UserAssigned", "userAssignedIdentities": ["/id/a"]}
    assert to_arm(row, {"identity": identity})["identity"]["userAssignedIdentities"] == {"/id/a": {}}


def test_an_update_sends_back_the_subnets_that_other_resources_made() -> None:
    row = TABLE["azure-native:network:VirtualNetwork"]
    standing = {"properties": {"subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}]}}
    sent = to_arm(row, keep_shared(row, {"tags": {"a": "b"}}, standing))
    assert sent == {"tags": {"a": "b"}, **standing}
    assert keep_shared(row, {"subnets": []}, standing) == {"subnets": []}


def test_an_update_sends_back_access_policies_inside_a_vaults_properties() -> None:
    row = TABLE["azure-native:keyvault:Vault"]
    standing = {"properties": {"accessPolicies": [{"objectId": "o"}], "tenantId": "t"}}
    assert keep_shared(row, {"properties": {"tenantId": "t"}}, standing) == standing
    assert keep_shared(row, {"properties": {"tenantId": "t"}}, None) == {"properties": {"tenantId": "t"}}
