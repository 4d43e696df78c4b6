"""Workload identity federation: which identity a service account's token may speak for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt

from sandbox.arm.resource import Resource
from sandbox.arm.types.managedidentity import FEDERATED_CREDENTIAL, USER_ASSIGNED_IDENTITY
from sandbox.arm.world import World
from sandbox.entra.refusals import (
    ASSERTION_EXPIRED,
    ASSERTION_UNREADABLE,
    AUDIENCE_UNKNOWN,
    ISSUER_UNKNOWN,
    ISSUER_UNREACHABLE,
    SIGNATURE_WRONG,
    SUBJECT_UNKNOWN,
)

_ALGORITHMS = ["RS256"]


@dataclass(frozen=True)
class TrustedIssuer:
    """The cluster's issuer of service-account tokens; `keys` is its public key file, written when the cluster starts.

    Entra reads the keys of any issuer from the internet; here only the cluster's can be verified.
    """

    url: str
    keys: Path


def identity_of(world: World, client_id: str) -> Resource | None:
    """The user-assigned identity with that client id."""
    return next(
        (
            found
            for found in world.of_type(USER_ASSIGNED_IDENTITY.type)
            if found.properties["clientId"].lower() == client_id.lower()
        ),
        None,
    )


def trust(world: World, identity: Resource, assertion: str, issuer: TrustedIssuer) -> str:
    """The subject of the assertion if a federated credential of `identity` matches it. Raises EntraError.

    In Entra's order: first what the assertion says of itself, then whether it is true.
    """
    try:
        said = jwt.decode(assertion, options={"verify_signature": False})
        presented_issuer, subject, audiences = said["iss"], said["sub"], _list(said["aud"])
    except (jwt.PyJWTError, KeyError) as error:
        raise ASSERTION_UNREADABLE.because() from error
    _match(world.children(identity.key, FEDERATED_CREDENTIAL.type), presented_issuer, subject, audiences)
    if presented_issuer != issuer.url or not issuer.keys.exists():
        raise ISSUER_UNREACHABLE.because(issuer=presented_issuer)
    try:
        jwt.decode(
            assertion,
            issuer.keys.read_bytes(),
            _ALGORITHMS,
            options={"require": ["exp"], "verify_aud": False},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise ASSERTION_EXPIRED.because(
            now=_time(datetime.now(UTC).timestamp()), start=_time(said.get("nbf", 0)), end=_time(said["exp"])
        ) from error
    except jwt.PyJWTError as error:
        raise SIGNATURE_WRONG.because() from error
    return str(subject)


def _match(credentials: list[Resource], issuer: str, subject: str, audiences: list[str]) -> None:
    """Issuer, then subject, then audience: the first that no credential has is what Entra names."""
    of_issuer = [found.properties for found in credentials if found.properties["issuer"] == issuer]
    if not of_issuer:
        raise ISSUER_UNKNOWN.because(issuer=issuer)
    of_subject = [properties for properties in of_issuer if properties["subject"] == subject]
    if not of_subject:
        raise SUBJECT_UNKNOWN.because(subject=subject)
    if not any(set(properties["audiences"]) & set(audiences) for properties in of_subject):
        raise AUDIENCE_UNKNOWN.because(audience=", ".join(audiences))


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
