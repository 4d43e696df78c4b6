"""Vaults outlive their deletion: what `ariel up` adopts, brings back, leaves alone, and purges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.azure import Azure
from cli.plan import Plan
from cli.vaults import API_VERSION, VAULT, adopt_vaults, purge_deleted
from infra.vaults import planned_vaults, tenant_vault
from stacks.settings import Settings
from tests.workbench import Workbench

OURS = {"managed-by": "ariel", "environment": "local"}
LOGICAL = tenant_vault("weather")


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    bench = new_workbench()
    bench.session().sandbox.start(cluster=False)
    return bench


@pytest.fixture
def settings(bench: Workbench) -> Settings:
    return bench.session().settings


@pytest.fixture
def azure(bench: Workbench) -> Azure:
    """Of a subscription in which nothing stands yet."""
    bench.arm(method="POST", path="reset")
    arm = bench.session().sandbox.arm
    return Azure(arm.endpoint, lambda: arm.token)


@pytest.fixture
def vault_id(bench: Workbench, settings: Settings, azure: Azure) -> str:
    """Id of the tenant's vault, which stands in Azure and not in the state."""
    group = f"/subscriptions/{settings.azure.subscription_id}/resourceGroups/rg-contoso-local-data"
    place = {"location": settings.azure.location}
    bench.azure("PUT", group, body=place, params={"api-version": "2025-04-01"})
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{planned_vaults(settings)[LOGICAL]}"
    properties = {
        "tenantId": settings.azure.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
    }
    azure.put(path, API_VERSION, {**place, "tags": OURS, "properties": properties})
    return path


def test_a_kept_vault_is_adopted_when_its_slug_comes_back(settings: Settings, azure: Azure, vault_id: str) -> None:
    assert adopt_vaults(settings, {}, azure, bring_back=True) == {(VAULT, LOGICAL): vault_id}


def test_a_vault_of_the_state_is_not_adopted(settings: Settings, azure: Azure, vault_id: str) -> None:
    assert adopt_vaults(settings, {LOGICAL: vault_id}, azure, bring_back=True) == {}


def test_a_vault_of_somebody_else_is_not_taken_over(
    bench: Workbench, settings: Settings, azure: Azure, vault_id: str
) -> None:
    body = {"tags": {**OURS, "environment": "prod"}}
    bench.azure("PATCH", vault_id, body=body, params={"api-version": API_VERSION})
    assert adopt_vaults(settings, {}, azure, bring_back=True) == {}


def test_a_preview_brings_no_deleted_vault_back(
    bench: Workbench, settings: Settings, azure: Azure, vault_id: str
) -> None:
    bench.azure("DELETE", vault_id, params={"api-version": API_VERSION})
    assert adopt_vaults(settings, {}, azure, bring_back=False) == {}
    assert azure.find(vault_id, API_VERSION) is None


def test_a_deleted_vault_is_brought_back_with_its_slug(
    bench: Workbench, settings: Settings, azure: Azure, vault_id: str
) -> None:
    bench.azure("DELETE", vault_id, params={"api-version": API_VERSION})
    assert azure.find(vault_id, API_VERSION) is None
    assert adopt_vaults(settings, {}, azure, bring_back=True) == {(VAULT, LOGICAL): vault_id}
    assert azure.find(vault_id, API_VERSION) is not None


def test_only_the_vaults_that_a_run_has_deleted_are_purged(
    bench: Workbench, settings: Settings, azure: Azure, vault_id: str
) -> None:
    bench.azure("DELETE", vault_id, params={"api-version": API_VERSION})
    assert purge_deleted(settings, Plan(), {LOGICAL: vault_id}, azure) == []
    plan = Plan(steps=[{"op": "delete", "urn": f"urn:pulumi:local::ariel::{VAULT}::{LOGICAL}", "diff": {}}])
    assert purge_deleted(settings, plan, {LOGICAL: vault_id}, azure) == [vault_id.rsplit("/", 1)[-1]]
    assert adopt_vaults(settings, {}, azure, bring_back=True) == {}


def test_a_vault_that_must_stay_recoverable_is_never_purged(
    bench: Workbench, settings: Settings, azure: Azure, vault_id: str
) -> None:
    bench.azure("DELETE", vault_id, params={"api-version": API_VERSION})
    kept = settings.model_copy(update={"vault": settings.vault.model_copy(update={"purge_protection": True})})
    plan = Plan(steps=[{"op": "delete", "urn": f"urn:pulumi:local::ariel::{VAULT}::{LOGICAL}", "diff": {}}])
    assert purge_deleted(kept, plan, {LOGICAL: vault_id}, azure) == []
    assert adopt_vaults(settings, {}, azure, bring_back=True) == {(VAULT, LOGICAL): vault_id}
