"""What the rules open, and that no wide range opens the node's own services."""

from __future__ import annotations

import ipaddress

import pytest

from components import network_policy
from components.network_policy import addresses, anywhere, declared, in_tenant_namespaces, public
from components.pod import Manifest
from stacks.tenant import Egress

METADATA = "169.254.169.254"
AZURE_HOST = "168.63.129.16"
PRIVATE = ("10.1.2.3", "172.20.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1")


def reaches(peer: Manifest, address: str) -> bool:
    block = peer["ipBlock"]
    target = ipaddress.ip_address(address)
    return target in ipaddress.ip_network(block["cidr"]) and not any(
        target in ipaddress.ip_network(without) for without in block.get("except", [])
    )


@pytest.mark.parametrize("peer", [public(), anywhere(), addresses("0.0.0.0/0"), addresses("168.0.0.0/6")])
@pytest.mark.parametrize("address", [METADATA, AZURE_HOST])
def test_no_range_opens_the_identity_of_the_node(peer: Manifest, address: str) -> None:
    assert not reaches(peer, address)


@pytest.mark.parametrize("cidr", ["169.254.169.254/32", "169.254.0.0/16", "168.63.129.16/32"])
def test_a_range_of_the_nodes_services_is_refused_instead_of_being_opened(cidr: str) -> None:
    with pytest.raises(ValueError, match="no pod may reach"):
        addresses(cidr)


@pytest.mark.parametrize("address", PRIVATE)
def test_public_means_no_private_address(address: str) -> None:
    assert not reaches(public(), address)
    assert reaches(public(), "20.190.159.4")
    assert reaches(anywhere(), "10.1.2.3")


def test_exceptions_lie_inside_their_range_as_kubernetes_demands() -> None:
    for peer in (public(), anywhere(), addresses("168.0.0.0/6"), addresses("10.0.0.0/8")):
        block = peer["ipBlock"]
        whole = ipaddress.IPv4Network(block["cidr"])
        assert all(ipaddress.IPv4Network(each).subnet_of(whole) for each in block.get("except", []))
    assert addresses("10.0.0.0/8") == {"ipBlock": {"cidr": "10.0.0.0/8"}}


def test_a_declared_host_opens_its_port_to_public_addresses_only() -> None:
    (rule,) = declared([Egress.model_validate({"host": "db.example.org", "port": 1521})])
    assert [port["port"] for port in rule["ports"]] == [1521]
    assert not reaches(rule["to"][0], "10.1.2.3")
    assert reaches(rule["to"][0], "20.1.2.3")


def test_a_declared_range_opens_itself_and_nothing_else() -> None:
    (rule,) = declared([Egress.model_validate({"cidr": "10.9.0.0/16", "port": 445})])
    assert reaches(rule["to"][0], "10.9.1.1")
    assert not reaches(rule["to"][0], "10.8.1.1")


def test_a_rule_for_all_tenants_names_none() -> None:
    selector = in_tenant_namespaces("parse", component="triggerer")["namespaceSelector"]
    assert {each["key"]: each["operator"] for each in selector["matchExpressions"]} == {
        "ariel.dev/tenant": "Exists",
        "ariel.dev/purpose": "In",
    }


def test_an_ipv6_range_is_refused_before_it_opens_half_a_policy() -> None:
    with pytest.raises(ipaddress.AddressValueError):
        network_policy.addresses("fd00::/8")
