"""Microsoft.ContainerRegistry: registries."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.spec import LONG_RUNNING, Name, TypeSpec

REGISTRY = "Microsoft.ContainerRegistry/registries"

PREMIUM_ONLY: dict[str, tuple[Any, ...]] = {
    "properties.publicNetworkAccess": (None, "Enabled"),
    "properties.zoneRedundancy": (None, "Disabled"),
    "properties.networkRuleSet": (None,),
    "properties.dataEndpointEnabled": (None, False),
    "properties.policies.retentionPolicy": (None,),
}
"""Properties with the values that other SKUs allow. Source: Azure Container Registry SKU features."""


def _premium_features(change: Change) -> None:
    if change.get("sku.name").lower() == "premium":
        return
    for path, allowed in PREMIUM_ONLY.items():
        if change.get(path) not in allowed:
            raise change.invalid(
                f"The property '{path}' = {change.get(path)} is not supported for the SKU {change.get('sku.name')}. "
                "Premium is required.",
                "FeatureNotSupportedForSku",
            )


SPECS = (
    TypeSpec(
        type=REGISTRY,
        source="Container registry service tiers; naming rules 5-50 alphanumeric, global",
        api_versions=("2023-01-01-preview", "2023-07-01", "2025-04-01", "2025-11-01"),
        name=Name(pattern=r"[A-Za-z0-9]{5,50}", rule="5-50 letters and digits."),
        long_running=LONG_RUNNING,
        fields=(
            Field("sku", kind="object", required=True),
            Field("sku.name", required=True, one_of=("Basic", "Standard", "Premium")),
            Field("properties.adminUserEnabled", kind="boolean", default=False),
            Field("properties.anonymousPullEnabled", kind="boolean"),
            Field("properties.dataEndpointEnabled", kind="boolean"),
            Field("properties.publicNetworkAccess", one_of=("Enabled", "Disabled"), default="Enabled"),
            Field(
                "properties.zoneRedundancy",
                one_of=("Enabled", "Disabled"),
                fixed=Refusal(400, "PropertyChangeNotAllowed", "The zone redundancy of {name} cannot be changed."),
            ),
            Field("properties.networkRuleSet.defaultAction", required=True, one_of=("Allow", "Deny")),
        ),
        checks=(_premium_features,),
        outputs=lambda change: {"properties": {"loginServer": f"{change.name.lower()}.azurecr.io"}},
        globally_unique=Refusal(
            409, "AlreadyInUse", "The registry DNS name {name}.azurecr.io is already in use. Choose a different name."
        ),
    ),
)
