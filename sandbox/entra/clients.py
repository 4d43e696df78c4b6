"""Who may ask for tokens: the managed identities of the emulated ARM, and app registrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.arm.resource import Resource
from sandbox.arm.types.managedidentity import FEDERATED_CREDENTIAL, USER_ASSIGNED_IDENTITY
from sandbox.arm.world import World


@dataclass(frozen=True, kw_only=True)
class Client:
    """`object_id` is the principal that role assignments and database roles name."""

    client_id: str
    object_id: str
    federated_credentials: tuple[Mapping[str, Any], ...]
    """Each with `issuer`, `subject` and `audiences`."""
    certificates: tuple[str, ...] = ()
    """PEM; an identity has none."""


def client_of(world: World, client_id: str) -> Client | None:
    """The identity or application with that client id, in any case."""
    wanted = client_id.lower()
    found = world.store.applications.get(wanted)
    if found is not None:
        return Client(
            client_id=found["clientId"],
            object_id=found["objectId"],
            federated_credentials=tuple(found["federatedCredentials"]),
            certificates=tuple(found["certificates"]),
        )
    identities = world.of_type(USER_ASSIGNED_IDENTITY.type)
    return next((_client(world, each) for each in identities if each.properties["clientId"].lower() == wanted), None)


def _client(world: World, identity: Resource) -> Client:
    credentials = world.children(identity.key, FEDERATED_CREDENTIAL.type)
    return Client(
        client_id=identity.properties["clientId"],
        object_id=identity.properties["principalId"],
        federated_credentials=tuple(each.properties for each in credentials),
    )
