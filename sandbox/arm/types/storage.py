"""Microsoft.Storage: accounts, the blob service, containers, lifecycle policies."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId
from sandbox.arm.spec import Implicit, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types.network import SUBNET
from sandbox.arm.world import World

VERSIONS = ("2024-01-01", "2023-05-01", "2025-01-01", "2025-06-01")
ACCOUNT = "Microsoft.Storage/storageAccounts"
BLOB_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"
POLICY = "Microsoft.Storage/storageAccounts/managementPolicies"

NAME_INVALID = Refusal(
    400,
    "AccountNameInvalid",
    "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length "
    "and use numbers and lower-case letters only.",
)
NAME_TAKEN = Refusal(409, "StorageAccountAlreadyTaken", "The storage account named {name} is already taken.")
HNS_FIXED = Refusal(
    400,
    "InvalidRequestPropertyValue",
    "The property 'isHnsEnabled' was specified in the input, but it cannot be updated.",
)
SKUS = tuple(
    f"{tier}_{copy}"
    for tier, copies in (
        ("Standard", ("LRS", "ZRS", "GRS", "RAGRS", "GZRS", "RAGZRS")),
        ("Premium", ("LRS", "ZRS")),
    )
    for copy in copies
)


def _only_default(message: str) -> Name:
    return Name(pattern="default", rule=message)


def _account_outputs(change: Change) -> dict[str, Any]:
    services = ("blob", "dfs", "file", "queue", "table", "web")
    endpoints = {
        service: f"https://{change.name}.{'z6.web' if service == 'web' else service}.core.windows.net/"
        for service in services
    }
    return {
        "properties": {
            "primaryEndpoints": endpoints,
            "primaryLocation": change.body["location"],
            "statusOfPrimary": "available",
            "creationTime": change.fact("creationTime", f"{change.world.clock():.0f}"),
        }
    }


def _anonymous_access_is_allowed(change: Change) -> None:
    """Source: PublicAccessNotPermitted, prevent anonymous read access to containers."""
    account = change.world.find(change.parent().path.parent or "")
    wanted = change.get("properties.publicAccess") or "None"
    if wanted != "None" and account is not None and not account.properties.get("allowBlobPublicAccess"):
        raise change.invalid("Public access is not permitted on this storage account.", "PublicAccessNotPermitted", 409)


def _default_blob_service(_: World, path: ResourceId) -> dict[str, Any] | None:
    if path.name.lower() != "default":
        return None
    return {"properties": {"cors": {"corsRules": []}, "deleteRetentionPolicy": {"enabled": False}}}


SPECS = (
    TypeSpec(
        type=ACCOUNT,
        source="Storage account overview; storage resource provider error codes",
        api_versions=VERSIONS,
        name=Name(pattern=r"[a-z0-9]{3,24}", rule="3-24 lower-case letters and digits.", refusal=NAME_INVALID),
        invalid="InvalidRequestPropertyValue",
        long_running=("put",),
        fields=(
            Field("kind", required=True, one_of=("StorageV2", "BlobStorage", "BlockBlobStorage", "FileStorage")),
            Field("sku", kind="object", required=True),
            Field("sku.name", required=True, one_of=SKUS),
            Field("properties.accessTier", one_of=("Hot", "Cool", "Cold", "Premium"), default="Hot"),
            Field("properties.allowSharedKeyAccess", kind="boolean"),
            Field("properties.allowBlobPublicAccess", kind="boolean", default=False),
            Field("properties.defaultToOAuthAuthentication", kind="boolean"),
            Field("properties.isHnsEnabled", kind="boolean", fixed=HNS_FIXED),
            Field("properties.minimumTlsVersion", one_of=("TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"), default="TLS1_0"),
            Field("properties.supportsHttpsTrafficOnly", kind="boolean", default=True),
            Field("properties.publicNetworkAccess", one_of=("Enabled", "Disabled", "SecuredByPerimeter")),
            Field("properties.networkAcls.defaultAction", required=True, one_of=("Allow", "Deny")),
            Field("properties.networkAcls.virtualNetworkRules[].id", required=True),
        ),
        references=(Reference("properties.networkAcls.virtualNetworkRules[].id", (SUBNET,), settled=True),),
        outputs=_account_outputs,
        globally_unique=NAME_TAKEN,
    ),
    TypeSpec(
        type=BLOB_SERVICE,
        source="Blob service REST (blobServices/default exists with the account); retention 1-365 days",
        api_versions=VERSIONS,
        name=_only_default("the only blob service is named 'default'."),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        deletable=False,
        invalid="InvalidRequestPropertyValue",
        fields=(
            Field("properties.isVersioningEnabled", kind="boolean"),
            Field("properties.deleteRetentionPolicy.enabled", kind="boolean"),
            Field("properties.deleteRetentionPolicy.days", kind="integer", between=(1, 365)),
            Field("properties.containerDeleteRetentionPolicy.enabled", kind="boolean"),
            Field("properties.containerDeleteRetentionPolicy.days", kind="integer", between=(1, 365)),
        ),
        implicit=Implicit(names=lambda *_: ["default"], body=_default_blob_service),
    ),
    TypeSpec(
        type=CONTAINER,
        source="Naming and referencing containers; PublicAccessNotPermitted",
        api_versions=VERSIONS,
        name=Name(
            pattern=r"\$root|\$logs|\$web|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
            rule="3-63 lower-case letters, digits and single -, first and last no -.",
            refusal=Refusal(
                400, "InvalidResourceName", "The specified resource name {name} contains invalid characters."
            ),
        ),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidRequestPropertyValue",
        fields=(
            Field("properties.publicAccess", one_of=("None", "Blob", "Container"), default="None"),
            Field("properties.metadata", kind="object"),
        ),
        checks=(_anonymous_access_is_allowed,),
        outputs=lambda _: {"properties": {"leaseState": "available", "leaseStatus": "unlocked"}},
    ),
    TypeSpec(
        type=POLICY,
        source="Blob lifecycle management policy structure; up to 100 rules",
        api_versions=VERSIONS,
        name=_only_default("the only policy is named 'default'."),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        provisioning_state=False,
        invalid="InvalidRequestPropertyValue",
        fields=(
            Field("properties.policy", kind="object", required=True),
            Field("properties.policy.rules", kind="list", required=True, between=(1, 100)),
            Field("properties.policy.rules[].name", required=True, pattern=r"[A-Za-z0-9-]{1,256}"),
            Field("properties.policy.rules[].type", required=True, one_of=("Lifecycle",)),
            Field("properties.policy.rules[].enabled", kind="boolean"),
            Field("properties.policy.rules[].definition", kind="object", required=True),
            Field("properties.policy.rules[].definition.actions", kind="object", required=True),
            Field("properties.policy.rules[].definition.filters.blobTypes", kind="list", required=True, between=(1, 2)),
            Field("properties.policy.rules[].definition.filters.blobTypes[]", one_of=("blockBlob", "appendBlob")),
        ),
        outputs=lambda change: {
            "properties": {"lastModifiedTime": change.fact("lastModifiedTime", f"{change.world.clock():.0f}")}
        },
    ),
)
