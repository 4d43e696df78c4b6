"""Vaults outlive their deletion: kept ones are adopted again, deleted ones recovered or, where none may stay, gone."""

from __future__ import annotations

from collections.abc import Mapping

from cli.adoption import Adoptions
from cli.azure import Azure
from cli.plan import Plan
from infra.vaults import planned_vaults
from sandbox.plugins.azure_native.types import TABLE
from stacks.naming import Kind, Names
from stacks.settings import Settings

VAULT = "azure-native:keyvault:Vault"
API_VERSION = TABLE[VAULT].api_version
GROUP_API_VERSION = TABLE["azure-native:resources:ResourceGroup"].api_version
DELETIONS = ("delete", "delete-replaced")


def adopt_vaults(settings: Settings, known: Mapping[str, str], azure: Azure, *, bring_back: bool) -> Adoptions:
    """Vaults of the stack file which are not in the state (`known`: logical name -> id) but in Azure, or were deleted.

    With `bring_back` a deleted one is recovered first: its name is taken for as long as it can be; a preview leaves it.
    Only what carries the tags of this stack is taken over.
    """
    group = _group(settings)
    found: dict[tuple[str, str], str] = {}
    for logical, name in planned_vaults(settings).items():
        if logical in known:
            continue
        vault_id = f"{group}/providers/Microsoft.KeyVault/vaults/{name}"
        vault = azure.find(vault_id, API_VERSION)
        deleted = azure.find(_deleted(settings, name), API_VERSION) if bring_back and vault is None else None
        if deleted is not None and azure.find(group, GROUP_API_VERSION) is not None:
            azure.put(vault_id, API_VERSION, _recovery(settings))
            vault = azure.find(vault_id, API_VERSION)
        elif deleted is not None and not settings.vault.purge_protection:
            # Its resource group is gone too, so it can only be put back where nothing of the stack stands any more.
            _purge(settings, name, azure)
        if vault is not None and _is_ours(vault.get("tags", {}), settings):
            found[(VAULT, logical)] = vault_id
    return found


def purge_deleted(settings: Settings, plan: Plan, known: Mapping[str, str], azure: Azure) -> list[str]:
    """Purges the vaults which the run has deleted, in classes that leave nothing; returns their names."""
    if settings.vault.purge_protection or settings.vault.keep_on_removal:
        return []
    gone = {step["urn"].rsplit("::", 1)[-1] for step in plan.steps if step["op"] in DELETIONS and VAULT in step["urn"]}
    names = [known[logical].rsplit("/", 1)[-1] for logical in sorted(gone & known.keys())]
    for name in names:
        _purge(settings, name, azure)
    return names


def _purge(settings: Settings, name: str, azure: Azure) -> None:
    azure.post(f"{_deleted(settings, name)}/purge", API_VERSION)


def _group(settings: Settings) -> str:
    """ARM id of the group in which all vaults stand."""
    name = Names(organisation=settings.organisation, stack=settings.stack).of(Kind.RESOURCE_GROUP, "data")
    return f"/subscriptions/{settings.azure.subscription_id}/resourceGroups/{name}"


def _deleted(settings: Settings, name: str) -> str:
    return (
        f"/subscriptions/{settings.azure.subscription_id}/providers/Microsoft.KeyVault"
        f"/locations/{settings.azure.location}/deletedVaults/{name}"
    )


def _recovery(settings: Settings) -> dict[str, object]:
    return {
        "location": settings.azure.location,
        "properties": {
            "createMode": "recover",
            "tenantId": settings.azure.tenant_id,
            "sku": {"family": "A", "name": "standard"},
        },
    }


def _is_ours(tags: Mapping[str, str], settings: Settings) -> bool:
    return tags.get("managed-by") == "ariel" and tags.get("environment") == settings.stack
