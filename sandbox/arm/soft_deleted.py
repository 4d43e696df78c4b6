"""Soft-deleted resources: listing them, looking at one, purging one. Source: Key Vault soft-delete overview, REST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.arm.engine import Answer
from sandbox.arm.errors import ArmError
from sandbox.arm.resource import Resource
from sandbox.arm.spec import TypeSpec

if TYPE_CHECKING:
    from sandbox.arm.routing import Call
    from sandbox.arm.service import Service


def listed(service: Service, _: Call, subscription: str, provider: str, collection: str) -> Answer:
    spec = _spec(service, provider, collection)
    prefix = f"{spec.type}/".lower()
    keys = [key for key in service.store.tombstones if key.startswith(prefix)]
    found = [service.world.tombstone(key) for key in keys]
    own = f"/subscriptions/{subscription}/".lower()
    shown = [
        _show(one, subscription, collection) for one in found if one is not None and _vault(one).key.startswith(own)
    ]
    return Answer(status=200, body={"value": shown})


def deleted(service: Service, _: Call, subscription: str, provider: str, collection: str, name: str) -> Answer:
    tombstone = _find(service, _spec(service, provider, collection), name)
    return Answer(status=200, body=_show(tombstone, subscription, collection))


def purge(service: Service, _: Call, subscription: str, provider: str, collection: str, name: str) -> Answer:
    """The name becomes free when the operation ends; refused under purge protection."""
    spec = _spec(service, provider, collection)
    tombstone = _find(service, spec, name)
    if not tombstone["purgeable"]:
        raise ArmError(
            400, "MethodNotAllowed", f"Operation 'DeletedVaultPurge' is not allowed: '{name}' has purge protection."
        )
    return Answer(status=202, operation=service.engine.operations.purge(f"{spec.type}/{name}".lower()))


def _spec(service: Service, provider: str, collection: str) -> TypeSpec:
    for spec in service.world.catalogue:
        soft = spec.soft_delete
        same_provider = spec.type.lower().startswith(f"{provider}/".lower())
        if soft is not None and same_provider and soft.collection.lower() == collection.lower():
            return spec
    raise ArmError(404, "InvalidResourceType", f"'{provider}' has no '{collection}'.")


def _find(service: Service, spec: TypeSpec, name: str) -> dict[str, Any]:
    found = service.world.tombstone(f"{spec.type}/{name}".lower())
    if found is None:
        raise ArmError(404, "DeletedVaultNotFound", f"The deleted resource '{name}' could not be found.")
    return found


def _vault(tombstone: dict[str, Any]) -> Resource:
    return Resource.loads(tombstone["resource"])


def _show(tombstone: dict[str, Any], subscription: str, collection: str) -> dict[str, Any]:
    vault = _vault(tombstone)
    provider, location = vault.type.split("/")[0], vault.body.get("location")
    return {
        "id": f"/subscriptions/{subscription}/providers/{provider}/locations/{location}/{collection}/{vault.name}",
        "name": vault.name,
        "type": f"{provider}/{collection}",
        "properties": {
            "vaultId": vault.id,
            "location": location,
            "tags": vault.body.get("tags") or {},
            "deletionDate": datetime.fromtimestamp(tombstone["deleted"], UTC).isoformat(),
            "scheduledPurgeDate": datetime.fromtimestamp(tombstone["until"], UTC).isoformat(),
            "purgeProtectionEnabled": not tombstone["purgeable"],
        },
    }
