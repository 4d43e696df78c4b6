"""Who reaches which subnet, as each shipped stack's security groups say it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recordings import STACKS, graph_of, raw_settings


def rules(stack: str, purpose: str) -> dict[str, dict[str, Any]]:
    """Name of the rule -> its fields."""
    group = graph_of(stack).one("NetworkSecurityGroup", f"network-{purpose}-rules")
    return {rule["name"]: rule for rule in group.inputs.get("securityRules", ())}


def opened(stack: str, purpose: str, port: str) -> set[str]:
    """The ranges that reach the port."""
    found = rules(stack, purpose).values()
    allowed = [rule for rule in found if rule["access"] == "Allow" and rule["destinationPortRange"] == port]
    return {prefix for rule in allowed for prefix in rule["sourceAddressPrefixes"]}


@pytest.mark.parametrize("stack", STACKS)
def test_a_standby_of_the_database_is_not_cut_off_from_its_server(stack: str) -> None:
    network = {"nodes": "10.40.0.0/20", "database": "10.40.17.0/28", **raw_settings(stack).get("network", {})}
    assert opened(stack, "database", "5432") == {network["nodes"], network["database"]}


def test_the_hub_reaches_the_private_endpoints_and_the_web_interface_of_a_private_cluster() -> None:
    assert opened("prod", "endpoints", "443") == {"10.48.0.0/16", "10.0.0.0/16"}
    assert opened("prod", "nodes", "443") == {"10.0.0.0/16"}


def test_the_web_interface_of_a_public_cluster_is_open_to_the_declared_ranges_and_nobody_else() -> None:
    assert opened("dev", "nodes", "443") == {"203.0.113.0/28", "198.51.100.16/29"}
    assert opened("dev", "endpoints", "443") == {"10.40.0.0/16"}


def test_without_declared_ranges_nobody_outside_reaches_the_nodes() -> None:
    assert rules("local", "nodes") == {}


@pytest.mark.parametrize("stack", STACKS)
def test_no_subnet_is_open_to_everybody(stack: str) -> None:
    purposes = ("nodes", "endpoints", "database")
    allowed = [rule for purpose in purposes for rule in rules(stack, purpose).values() if rule["access"] == "Allow"]
    assert allowed
    assert not [rule for rule in allowed if {"*", "Internet", "0.0.0.0/0"} & set(rule["sourceAddressPrefixes"])]
    assert not [rule for rule in allowed if "sourceAddressPrefix" in rule]
