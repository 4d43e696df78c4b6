"""Every type that ariel uses stands in the table and lives its whole life: create, read, repeat, delete."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.arm.types import SPECS
from tests.engine.arm.cloud import GROUP, Cloud, code, kind_of
from tests.engine.arm.examples import CUSTOM_ROLE, SERVER, VAULT, build, examples, role

USED = [
    "Microsoft.Resources/resourceGroups",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/dnsResolvers",
    "Microsoft.Network/dnsResolvers/outboundEndpoints",
    "Microsoft.Network/dnsForwardingRulesets",
    "Microsoft.Network/dnsForwardingRulesets/forwardingRules",
    "Microsoft.Network/dnsForwardingRulesets/virtualNetworkLinks",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/dataCollectionEndpoints",
    "Microsoft.Insights/dataCollectionRules",
    "Microsoft.Insights/dataCollectionRuleAssociations",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/managementPolicies",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators",
    "Microsoft.DBforPostgreSQL/flexibleServers/databases",
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.Authorization/locks",
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.ContainerService/managedClusters/agentPools",
    "Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
]
MADE_BY_OTHERS = {"Microsoft.Network/networkInterfaces", "Microsoft.Network/privateDnsZones/A"}
NOT_DELETED = {
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
    "Microsoft.Storage/storageAccounts/blobServices",
}


def holds(shown: Any, sent: Any) -> bool:
    """Everything sent is in what is shown; secrets excepted, lists of objects element by element."""
    if isinstance(sent, dict):
        return isinstance(shown, dict) and all(
            holds(shown.get(key), value) for key, value in sent.items() if key != "value"
        )
    if isinstance(sent, list):
        return isinstance(shown, list) and len(shown) >= len(sent) and all(map(holds, shown, sent))
    return bool(shown == sent)


def test_the_table_holds_every_type_that_ariel_uses_and_nothing_else() -> None:
    assert {spec.type for spec in SPECS} == set(USED) | MADE_BY_OTHERS


def test_every_writable_type_has_an_example() -> None:
    assert {kind_of(path).lower() for path in examples({})} == {kind.lower() for kind in USED}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.type)
def test_every_rule_set_names_its_source_and_its_api_versions(spec: Any) -> None:
    assert len(spec.source) > 10
    assert spec.api_versions


SDK_MODULES = {
    "Microsoft.Resources": ["resources"],
    "Microsoft.Network": ["network", "privatedns", "dnsresolver"],
    "Microsoft.OperationalInsights": ["operationalinsights"],
    "Microsoft.Insights": ["monitor"],
    "Microsoft.Storage": ["storage"],
    "Microsoft.ContainerRegistry": ["containerregistry"],
    "Microsoft.KeyVault": ["keyvault"],
    "Microsoft.DBforPostgreSQL": ["dbforpostgresql"],
    "Microsoft.ManagedIdentity": ["managedidentity"],
    "Microsoft.Authorization": ["authorization"],
    "Microsoft.ContainerService": ["containerservice"],
}


KEYS_OF_MAPS = {"omsagent", "kubeletidentity", "config", "logAnalyticsWorkspaceResourceID"}
WIRE_NAMES = {"networkAcls", "supportsHttpsTrafficOnly", "exp", "nbf"}
"""Names on ARM's wire for which the SDK has others (networkRuleSet, enableHttpsTrafficOnly of storage accounts; expires
and notBefore of secrets).
"""


@cache
def sdk_names(module: str) -> frozenset[str]:
    """Wire names of all properties in a module of the azure-native SDK, read from its source without importing it."""
    found = importlib.util.find_spec("pulumi_azure_native")
    assert found is not None
    assert found.origin is not None
    text = "".join(file.read_text() for file in (Path(found.origin).parent / module).glob("*.py"))
    named = re.findall(r'@pulumi\.getter\(name="(\w+)"\)', text)
    plain = re.findall(r"@pulumi\.getter\n\s+def (\w+)", text)
    return frozenset([*named, *plain])


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.type)
def test_a_rule_for_a_misspelt_property_would_never_bite(spec: Any) -> None:
    paths = [rule.path for rule in (*spec.fields, *spec.references)]
    modules = SDK_MODULES[spec.type.split("/")[0]]
    known = {"properties"} | KEYS_OF_MAPS | WIRE_NAMES
    known |= {name for module in modules for name in sdk_names(module)}
    steps = {step.removesuffix("[]").removesuffix("{}") for path in paths for step in path.split(".")}
    assert steps - known == set()


def test_everything_reads_back_as_it_was_written(bare: Cloud) -> None:
    sent = build(bare)
    for path, body in sent.items():
        shown = bare.get(path).json()
        assert holds(shown, body), (path, body, shown)
        assert shown["id"] == path
        assert shown["name"] == path.rsplit("/", 1)[-1]


def test_writing_everything_again_changes_nothing(bare: Cloud) -> None:
    sent = build(bare)
    fleeting = ("etag", "systemData", "secretUriWithVersion")
    before = {path: bare.get(path).json() for path in sent}
    for path, body in sent.items():
        answer = bare.put(path, body)
        assert answer.status_code in (200, 201), (path, answer.text)
    for path, earlier in before.items():
        now = bare.get(path).json()
        for shown in (earlier, now):
            for name in fleeting:
                shown.pop(name, None)
                (shown.get("properties") or {}).pop(name, None)
        assert now == earlier, path


def test_everything_can_be_deleted_in_reverse_order(bare: Cloud) -> None:
    sent = build(bare)
    for path in reversed(sent):
        answer = bare.delete(path)
        if kind_of(path) in NOT_DELETED:
            assert answer.status_code == 405, path
            continue
        assert answer.status_code in (200, 202), (path, answer.text)
        assert bare.get(path).status_code == 404, path
    assert bare.everything() == []


def test_deleting_the_group_leaves_an_empty_cloud(bare: Cloud) -> None:
    build(bare, without=(f"{SERVER}/providers/Microsoft.Authorization",))
    assert bare.delete(GROUP).status_code == 202
    assert [found["id"] for found in bare.everything()] == [role(CUSTOM_ROLE)]


def test_what_is_gone_answers_204_on_a_second_delete(cloud: Cloud) -> None:
    assert cloud.delete(VAULT).status_code == 204


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{GROUP}/providers/Microsoft.Nonsense/things/x", "InvalidResourceNamespace"),
        (f"{GROUP}/providers/Microsoft.Network/firewalls/x", "InvalidResourceType"),
    ],
)
def test_a_type_that_is_not_modelled_is_refused(cloud: Cloud, path: str, expected: str) -> None:
    answer = cloud.put(path, {"location": "westeurope"})
    assert (answer.status_code, code(answer)) == (404, expected)


def test_an_unknown_api_version_is_refused(cloud: Cloud) -> None:
    answer = cloud.client.put(VAULT, params={"api-version": "2012-01-01"}, json={"location": "westeurope"})
    assert (answer.status_code, code(answer)) == (400, "NoRegisteredProviderFound")
    assert code(cloud.client.get(VAULT)) == "MissingApiVersionParameter"
