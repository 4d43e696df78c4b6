"""Which differences between the state and Azure a refresh takes for somebody's work."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.plugins.azure_native.drift import refreshed
from sandbox.plugins.azure_native.types import TABLE
from sandbox.plugins.values import Secret

CLUSTER = TABLE["azure-native:containerservice:ManagedCluster"]
GROUP = TABLE["azure-native:network:NetworkSecurityGroup"]


@pytest.mark.parametrize(
    ("given", "was", "now"),
    [
        ({"location": "West Europe"}, {"location": "westeurope"}, {"location": "westeurope"}),
        ({"sku": {"name": "Base"}}, {"sku": {"name": "Base"}}, {"sku": {"name": "Base", "tier": "Free"}}),
        ({"dnsPrefix": "a"}, {"dnsPrefix": "a", "provisioningState": "x"}, {"dnsPrefix": "a", "fqdn": "y"}),
        (
            {"agentPoolProfiles": [{"name": "system", "count": 1}]},
            {"agentPoolProfiles": [{"name": "system", "count": 1, "nodeImageVersion": "1"}]},
            {"agentPoolProfiles": [{"name": "tasks"}, {"name": "system", "count": 1, "nodeImageVersion": "2"}]},
        ),
        ({"windowsProfile": {"adminPassword": Secret("p")}}, {}, {}),
    ],
    ids=["spelling", "computed", "read-only", "pool of its own", "write-only"],
)
def test_what_azure_does_by_itself_is_no_drift(given: Any, was: Any, now: Any) -> None:
    assert refreshed(CLUSTER, given, was, now) == given


@pytest.mark.parametrize(
    ("given", "was", "now", "seen"),
    [
        ({"tags": {"a": 1}}, {"tags": {"a": 1}}, {"tags": {"a": 1, "b": 2}}, {"tags": {"a": 1, "b": 2}}),
        ({"tags": {"a": 1}}, {"tags": {"a": 1}}, {}, {}),
        ({"securityRules": []}, {"securityRules": []}, {"securityRules": [1]}, {"securityRules": [1]}),
        ({}, {}, {"securityRules": [1]}, {"securityRules": [1]}),
        (
            {"securityRules": [{"name": "a", "access": "Deny"}]},
            {"securityRules": [{"name": "a", "access": "Deny", "etag": "1"}]},
            {"securityRules": [{"name": "a", "access": "Allow", "etag": "2"}]},
            {"securityRules": [{"name": "a", "access": "Allow"}]},
        ),
        ({"tags": Secret({"a": 1})}, {"tags": {"a": 1}}, {"tags": {"a": 2}}, {"tags": Secret({"a": 2})}),
    ],
    ids=["added tag", "removed tags", "added rule", "rules where none were", "changed rule", "secret"],
)
def test_what_somebody_did_by_hand_is_drift(given: Any, was: Any, now: Any, seen: Any) -> None:
    assert refreshed(GROUP, given, was, now) == seen


def test_a_pool_of_the_program_that_somebody_removed_is_drift() -> None:
    pools = {"agentPoolProfiles": [{"name": "system"}]}
    assert refreshed(CLUSTER, pools, pools, {"agentPoolProfiles": [{"name": "other"}]}) == {"agentPoolProfiles": []}
