"""Microsoft.ManagedIdentity: user-assigned identities and their federated credentials."""

from __future__ import annotations

from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId
from sandbox.arm.spec import Busy, Location, Name, Scope, TypeSpec

VERSIONS = ("2023-01-31", "2024-11-30")

CONCURRENT = Refusal(
    409,
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
    "Too many Federated Identity Credentials are written concurrently for the managed identity '{key}'. "
    "Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
)


def _identity_outputs(change: Change) -> dict[str, Any]:
    return {
        "properties": {
            "tenantId": change.world.settings.tenant_id,
            "principalId": change.fact("principalId"),
            "clientId": change.fact("clientId"),
        }
    }


def _owner(path: ResourceId) -> str:
    assert path.parent is not None
    return path.parent.key


def _at_most_twenty(change: Change) -> None:
    limit = change.world.limits.federated_credentials
    if change.before is None and len(change.siblings()) >= limit:
        raise change.invalid(
            f"Too many Federated Identity Credentials are configured on the managed identity; the limit is {limit}.",
            "FederatedIdentityCredentialsCountExceeded",
        )


def _pair_is_new(change: Change) -> None:
    wanted = (change.get("properties.issuer"), change.get("properties.subject"))
    for other in change.siblings():
        if (other.properties["issuer"], other.properties["subject"]) == wanted:
            raise change.invalid(
                "Issuer and subject combination already exists for this Managed Identity.", "BadRequest", 409
            )


USER_ASSIGNED_IDENTITY = TypeSpec(
    type="Microsoft.ManagedIdentity/userAssignedIdentities",
    source="Managed identity documentation; naming rules (3-128)",
    api_versions=VERSIONS,
    name=Name(
        pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", rule="3-128 letters, digits, - and _, first a letter or digit."
    ),
    outputs=_identity_outputs,
    provisioning_state=False,
)

FEDERATED_CREDENTIAL = TypeSpec(
    type="Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    source="Workload identity federation, considerations: 20 per identity, no concurrent writes, unique pairs",
    api_versions=VERSIONS,
    name=Name(
        pattern=r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}", rule="3-120 letters, digits, - and _, first a letter or digit."
    ),
    scope=Scope.CHILD,
    location=Location.NONE,
    tags=False,
    slow=True,
    provisioning_state=False,
    invalid="BadRequest",
    busy=Busy(key=_owner, refusal=CONCURRENT),
    fields=(
        Field("properties.issuer", required=True, pattern=r"https://\S{1,592}"),
        Field("properties.subject", required=True, between=(1, 600)),
        Field("properties.audiences", kind="list", required=True, between=(1, 1)),
        Field("properties.audiences[]", between=(1, 600)),
    ),
    checks=(_at_most_twenty, _pair_is_new),
)

SPECS = (USER_ASSIGNED_IDENTITY, FEDERATED_CREDENTIAL)
