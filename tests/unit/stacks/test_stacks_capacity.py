"""The tables and sums on which the rules of addresses and connections rest."""

from __future__ import annotations

import pytest

from stacks import addressing, capacity
from stacks.classes import DEFAULTS
from stacks.load import load
from stacks.regions import REGIONS, UNPAIRED, WITHOUT_ZONES
from stacks.settings import EnvironmentClass
from tests.unit.stacks.samples import TENANT, raw, tenants


@pytest.mark.parametrize(
    ("name", "tier", "cores", "memory", "connections"),
    [
        ("Standard_B1ms", "Burstable", 1, 2, 50),
        ("Standard_B2s", "Burstable", 2, 4, 429),
        ("Standard_D2ds_v5", "GeneralPurpose", 2, 8, 859),
        ("Standard_D4s_v3", "GeneralPurpose", 4, 16, 1718),
        ("Standard_D8ads_v5", "GeneralPurpose", 8, 32, 3437),
        ("Standard_D96ds_v5", "GeneralPurpose", 96, 384, 5000),
        ("Standard_E2ds_v4", "MemoryOptimized", 2, 16, 1718),
        ("Standard_E4ds_v5", "MemoryOptimized", 4, 32, 3437),
        ("Standard_E20ds_v4", "MemoryOptimized", 20, 160, 5000),
        ("Standard_E64ds_v4", "MemoryOptimized", 64, 432, 5000),
        ("Standard_E96ds_v5", "MemoryOptimized", 96, 672, 5000),
    ],
)
def test_a_sku_is_as_microsoft_documents_it(name: str, tier: str, cores: int, memory: int, connections: int) -> None:
    expected = capacity.ServerSku(tier=tier, cores=cores, memory=memory, max_connections=connections)
    assert capacity.SERVER_SKUS[name] == expected


@pytest.mark.parametrize("name", ["Standard_D96s_v3", "Standard_E20s_v3", "Standard_D96ds_v4"])
def test_a_sku_that_microsoft_does_not_document_is_not_made_up(name: str) -> None:
    assert name not in capacity.SERVER_SKUS


@pytest.mark.parametrize("class_", list(EnvironmentClass))
def test_every_class_takes_a_known_sku_by_default(class_: EnvironmentClass) -> None:
    assert DEFAULTS[class_]["database"]["sku"] in capacity.SERVER_SKUS


def test_the_sum_of_server_connections_is_shown_as_a_person_checks_it() -> None:
    needed, available, text = capacity.pool_arithmetic(load("prod", raw("higher")))
    assert (needed, available) == (3 * (40 + 10 + 8) + 9, 1718 - 15)
    assert text == (
        "3 replicas x (40 runtime + 10 reserve + 8 of 2 tenants) + 9 direct = 183; "
        "Standard_D4ds_v5 has 1718 - 15 kept by Azure = 1703"
    )


def test_a_tenant_without_triggerer_needs_no_pool_for_it() -> None:
    quiet = {**TENANT, "triggerer": {"enabled": False}}
    settings = load("dev", raw("lower", {"tenants": {"quiet": quiet, "loud": TENANT}}))
    assert [capacity.tenant_pools(tenant) for tenant in settings.tenants.values()] == [2, 4]


def test_connections_grow_with_replicas_times_tenants() -> None:
    def needed(count: int) -> int:
        return capacity.pool_arithmetic(load("dev", raw("lower", {"tenants": tenants(count)}))).needed

    assert needed(12) - needed(2) == 2 * 10 * 4


def test_clients_are_counted_with_one_replica_away() -> None:
    settings = load("prod", raw("higher"))
    assert capacity.client_arithmetic(settings)[:2] == (2 * 5 + 3 * 5 + 2 * 2 + 2 * 2, 2 * 1000)


def test_a_trust_group_takes_one_endpoint_for_all_its_tenants() -> None:
    shared = {**TENANT, "secrets": {"mode": "shared", "trustGroup": "maps"}}
    changes = {
        "trustGroups": {"maps": {"reason": "one team in two repositories"}},
        "tenants": {"one": shared, "two": shared, "three": TENANT},
    }
    assert addressing.own_vaults(load("dev", raw("lower", changes))) == 2


def test_the_largest_default_plan_holds_its_nodes_in_mid_upgrade() -> None:
    settings = load("prod", raw("higher"))
    assert addressing.most_nodes(settings) == 6 + 2 + 20 + 7
    assert addressing.usable(addressing.plan_of(settings.network).subnets["nodes"]) == 4096 - 5


def test_regions_with_a_lack_are_regions() -> None:
    assert UNPAIRED | WITHOUT_ZONES <= REGIONS
