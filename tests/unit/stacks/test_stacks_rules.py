"""Every rule objects to every way of offending it, with path, value, rule and action; and to nothing else."""

from __future__ import annotations

import pytest

from stacks.load import load
from stacks.rules import RULES
from tests.unit.stacks import platform_mistakes, tenant_mistakes
from tests.unit.stacks.mistakes import Mistake, check, offended
from tests.unit.stacks.samples import OF_CLASS, TENANT, problems, raw, tenants

MISTAKES: dict[str, Mistake] = {
    **platform_mistakes.ADDRESSES,
    **platform_mistakes.AZURE,
    **platform_mistakes.CLUSTER,
    **platform_mistakes.DATABASE,
    **platform_mistakes.CLASSES,
    **tenant_mistakes.BLOCKS,
    **tenant_mistakes.GRANTS,
    **tenant_mistakes.TRUST,
    **tenant_mistakes.NAMES,
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_path_value_rule_and_action(mistake: Mistake) -> None:
    check(mistake)


def test_a_burstable_sku_in_higher_is_refused_for_its_class_and_for_its_missing_standby() -> None:
    mistake = platform_mistakes.BURSTABLE_IN_HIGHER
    found = problems(mistake.class_, mistake.changes)
    assert [(problem.path, problem.value) for problem in found] == [(mistake.path, mistake.value)] * 2
    assert mistake.rule in found[0].rule
    assert mistake.action in found[0].action
    assert "no standby" in found[1].rule


def test_no_rule_is_without_a_mistake_that_offends_it() -> None:
    mistakes = (*MISTAKES.values(), platform_mistakes.BURSTABLE_IN_HIGHER)
    offences = set().union(*(offended(mistake) for mistake in mistakes))
    assert [rule.check.__name__ for rule in RULES if rule not in offences] == []


@pytest.mark.parametrize("class_", OF_CLASS)
def test_settings_without_a_mistake_are_accepted_in_every_class(class_: str) -> None:
    assert list(load("dev", raw(class_)).tenants) == ["weather", "mobility"]


ALLOWED: dict[str, dict[str, object]] = {
    "twenty tenants on the defaults": {"tenants": tenants(20)},
    "a Burstable SKU in a lower class": {"database": {"sku": "Standard_B2s"}},
    "endpoints for exactly as many vaults": {"network.endpoints": "10.40.16.0/28", "tenants": tenants(9)},
    "ranges for exactly as many nodes": {"network.nodes": "10.40.0.0/27", "network.pods": "10.244.0.0/20"},
    "a subnet for exactly as many nodes": {
        "network.nodes": "10.40.0.0/28",
        "kubernetes.systemPool": {"minimum": 2, "maximum": 2},
        "kubernetes.taskPool": {"minimum": 4, "maximum": 4},
    },
    "pods' ranges for exactly as many nodes": {
        "network.pods": "10.244.0.0/21",
        "kubernetes.systemPool": {"minimum": 1, "maximum": 1},
        "kubernetes.taskPool": {"maximum": 4},
    },
    "exactly as many server connections": {"pgbouncer": {"replicas": 5, "metadataPoolSize": 154}},
    "a wide authorised range": {"kubernetes.authorizedRanges": ["203.0.0.0/8"]},
    "an account in an ssh address": {"tenants.weather.repository": {"url": "ssh://git@github.com/contoso/dags.git"}},
    "an scp-like address": {"tenants.weather.repository": {"url": "git@github.com:contoso/dags.git"}},
    "a folder of images, and a digest": {
        "tenants.weather.allowedImages": ["contoso.azurecr.io/maps/*", f"ariel/tool@sha256:{'a' * 64}"]
    },
    "as many tags as Azure takes": {"tags": {f"t{number}": "x" * 256 for number in range(44)}},
    "egress to a wide range": {"tenants.weather.egress": [{"cidr": "51.0.0.0/8", "port": 443}]},
    "two ports of one destination": {
        "tenants.weather.egress": [{"cidr": "10.0.32.0/28", "port": 1521}, {"cidr": "10.0.32.0/28", "port": 1522}]
    },
    "a slug which begins like another": {"tenants.weather-task": TENANT},
    "a trust group of two": {
        "trustGroups": {"maps": tenant_mistakes.REASON},
        "tenants": {"one": tenant_mistakes.SHARED, "two": tenant_mistakes.SHARED},
    },
}


@pytest.mark.parametrize("changes", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_just_allowed_is_accepted(changes: dict[str, object]) -> None:
    load("dev", raw("lower", changes))


def test_two_weeks_of_backups_are_enough_in_higher() -> None:
    load("prod", raw("higher", {"database": {"backupDays": 14}}))


def test_code_may_travel_unencrypted_inside_a_sandbox() -> None:
    load("local", raw("sandbox", {"tenants.weather.repository": {"url": "git://127.0.0.1/dags.git"}}))


def test_a_resource_group_whose_name_only_begins_alike_is_not_taken_for_the_platforms_own() -> None:
    scope = tenant_mistakes.PLATFORM_VAULT.replace("RG-contoso-", "RG-contosolabs-")
    grants = [{"role": "Key Vault Secrets User", "scope": scope}]
    load("dev", raw("lower", {"tenants.weather.grants": grants}))
