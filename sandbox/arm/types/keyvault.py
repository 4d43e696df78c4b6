"""Microsoft.KeyVault: vaults with their soft delete, and secrets through ARM."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId
from sandbox.arm.resource import Resource
from sandbox.arm.spec import Location, Name, Reference, Scope, SoftDelete, TypeSpec
from sandbox.arm.types.network import SUBNET
from sandbox.arm.world import World

VERSIONS = ("2024-11-01", "2023-07-01", "2025-05-01")
VAULT = "Microsoft.KeyVault/vaults"
SECRET = "Microsoft.KeyVault/vaults/secrets"  # noqa: S105 - the name of a type

RETENTION_FIXED = Refusal(400, "BadRequest", 'The property "{path}" has been set already and it can\'t be modified.')


SECRET_DELETED = Refusal(
    409,
    "Conflict",
    "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
    "secret can only be recovered or purged.",
)


def _purge_protection_is_one_way(change: Change) -> None:
    """Source: Key Vault soft-delete and purge protection: true or absent, never false, never back."""
    if change.get("properties.enablePurgeProtection") is False:
        raise change.invalid(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
    if change.get("properties.enableSoftDelete") is False:
        raise change.invalid('The property "enableSoftDelete" cannot be set to false.')


def _access_is_described(change: Change) -> None:
    """Source: a vault needs access policies unless it uses role-based access."""
    recover = change.hidden.get("properties.createMode") == "recover"
    roles = change.get("properties.enableRbacAuthorization")
    if not recover and not roles and change.get("properties.accessPolicies") is None:
        raise change.invalid("The parameter accessPolicies is not specified.")


def _vault_outputs(change: Change) -> dict[str, Any]:
    return {"properties": {"vaultUri": f"https://{change.name.lower()}.vault.azure.net/"}}


def _has_a_value(change: Change) -> None:
    if not change.hidden.get("properties.value"):
        raise change.invalid("The property 'properties.value' is required.")


def deleted_secret(world: World, vault: Resource, where: ResourceId) -> dict[str, Any] | None:
    """The tombstone of a secret that was deleted in this vault, not in an earlier one of its name."""
    found = world.tombstone(where.key)
    return found if found is not None and found["deleted"] >= vault.created else None


def _is_not_deleted(change: Change) -> None:
    """Source: Key Vault soft-delete overview: the name stays taken until the secret is recovered or purged."""
    if deleted_secret(change.world, change.parent(), change.id) is not None:
        raise SECRET_DELETED.error(name=change.name)


def _secret_outputs(change: Change) -> dict[str, Any]:
    """Every write makes a new version, as a deployment of the same secret does."""
    vault = change.parent()
    uri = f"{vault.properties['vaultUri']}secrets/{change.name}"
    change.facts["version"] = uuid.uuid4().hex
    return {"properties": {"secretUri": uri, "secretUriWithVersion": f"{uri}/{change.facts['version']}"}}


SPECS = (
    TypeSpec(
        type=VAULT,
        source="Key Vault soft-delete overview, purge protection; naming rules 3-24, global; facts-azure section A",
        api_versions=VERSIONS,
        name=Name(
            pattern=r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
            rule="3-24 letters, digits and single -, first a letter, last no -.",
            refusal=Refusal(
                400,
                "VaultNameNotValid",
                "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The "
                "name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.",
            ),
        ),
        invalid="BadRequest",
        fields=(
            Field("properties.sku", kind="object", required=True),
            Field("properties.sku.family", required=True, one_of=("A",)),
            Field("properties.sku.name", required=True, one_of=("standard", "premium")),
            Field("properties.tenantId", kind="guid", required=True),
            Field("properties.accessPolicies", kind="list", between=(0, 1024)),
            Field("properties.enableRbacAuthorization", kind="boolean", default=False),
            Field("properties.enableSoftDelete", kind="boolean", default=True),
            Field(
                "properties.softDeleteRetentionInDays",
                kind="integer",
                between=(7, 90),
                default=90,
                fixed=RETENTION_FIXED,
            ),
            Field(
                "properties.enablePurgeProtection",
                kind="boolean",
                fixed=Refusal(
                    400,
                    "BadRequest",
                    'The property "{path}" cannot be set to false. Enabling the purge protection for a vault is an '
                    "irreversible action.",
                ),
            ),
            Field(
                "properties.publicNetworkAccess",
                one_of=("Enabled", "Disabled", "SecuredByPerimeter"),
                default="Enabled",
            ),
            Field("properties.networkAcls.bypass", one_of=("AzureServices", "None")),
            Field("properties.networkAcls.defaultAction", one_of=("Allow", "Deny")),
            Field("properties.networkAcls.virtualNetworkRules[].id", required=True),
            Field("properties.createMode", one_of=("default", "recover"), secret=True),
        ),
        references=(Reference("properties.networkAcls.virtualNetworkRules[].id", (SUBNET,), settled=True),),
        checks=(_purge_protection_is_one_way, _access_is_described),
        outputs=_vault_outputs,
        globally_unique=Refusal(
            409,
            "VaultAlreadyExists",
            "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the "
            "name is already taken.",
        ),
        soft_delete=SoftDelete(
            collection="deletedVaults",
            retention_days=lambda vault: int(vault.properties["softDeleteRetentionInDays"]),
            purge_allowed=lambda vault: not vault.properties.get("enablePurgeProtection"),
            name_taken=Refusal(
                409,
                "ConflictError",
                "A vault with the same name already exists in deleted state: '{name}'. You need to either recover or "
                "purge existing key vault.",
            ),
            not_deleted=Refusal(404, "DeletedVaultNotFound", "The deleted vault '{name}' could not be found."),
        ),
    ),
    TypeSpec(
        type=SECRET,
        source="Key Vault secrets through ARM: values are written, never shown; no DELETE (facts-azure section A)",
        api_versions=VERSIONS,
        name=Name(pattern=r"[A-Za-z0-9-]{1,127}", rule="1-127 letters, digits and -."),
        scope=Scope.CHILD,
        location=Location.NONE,
        provisioning_state=False,
        deletable=False,
        invalid="BadRequest",
        fields=(
            Field("properties.value", secret=True, between=(0, 25600)),
            Field("properties.contentType", between=(0, 255)),
            Field("properties.attributes.enabled", kind="boolean"),
            Field("properties.attributes.exp", kind="integer"),
            Field("properties.attributes.nbf", kind="integer"),
        ),
        checks=(_has_a_value, _is_not_deleted),
        outputs=_secret_outputs,
    ),
)
