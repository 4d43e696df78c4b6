"""Workload identity federation: which client a service account's token may speak for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt

from sandbox.entra.clients import Client
from sandbox.entra.refusals import (
    ASSERTION_EXPIRED,
    ASSERTION_UNREADABLE,
    AUDIENCE_UNKNOWN,
    CREDENTIALS_MISSING,
    ISSUER_UNKNOWN,
    ISSUER_UNREACHABLE,
    SIGNATURE_WRONG,
    SUBJECT_UNKNOWN,
    EntraError,
)

_ALGORITHMS = ["RS256"]


@dataclass(frozen=True)
class TrustedIssuer:
    """The cluster's issuer of service-account tokens; `keys` is its public key file, written when the cluster starts.

    Entra reads the keys of any issuer from the internet; here only the cluster's can be verified.
    """

    url: str
    keys: Path


def trust(client: Client, assertion: str, issuer: TrustedIssuer) -> None:
    """Whether a federated credential of `client` matches the assertion. Raises EntraError where none does.

    In Entra's order: first what the assertion says of itself, then whether it is true.
    """
    try:
        said = jwt.decode(assertion, options={"verify_signature": False})
        presented_issuer, subject, audiences = said["iss"], said["sub"], audiences_of(said)
    except (jwt.PyJWTError, KeyError) as error:
        raise ASSERTION_UNREADABLE.because() from error
    if not client.federated_credentials:
        raise CREDENTIALS_MISSING.because(client=client.client_id)
    _match(client.federated_credentials, presented_issuer, subject, audiences)
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
        raise out_of_time(said) from error
    except jwt.PyJWTError as error:
        raise SIGNATURE_WRONG.because() from error


def _match(credentials: Sequence[Mapping[str, Any]], issuer: str, subject: str, audiences: list[str]) -> None:
    """Issuer, then subject, then audience: the first that no credential has is what Entra names."""
    of_issuer = [found for found in credentials if found["issuer"] == issuer]
    if not of_issuer:
        raise ISSUER_UNKNOWN.because(issuer=issuer)
    of_subject = [found for found in of_issuer if found["subject"] == subject]
    if not of_subject:
        raise SUBJECT_UNKNOWN.because(subject=subject)
    if not any(set(found["audiences"]) & set(audiences) for found in of_subject):
        raise AUDIENCE_UNKNOWN.because(audience=", ".join(audiences))


def audiences_of(said: Mapping[str, Any]) -> list[str]:
    """The claim, which may be one text or a list. Raises KeyError."""
    value = said["aud"]
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def out_of_time(said: Mapping[str, Any]) -> EntraError:
    """The refusal of an assertion whose time is over, or has not come."""
    return ASSERTION_EXPIRED.because(
        now=_time(datetime.now(UTC).timestamp()), start=_time(said.get("nbf", 0)), end=_time(said["exp"])
    )


def _time(seconds: Any) -> str:
    """Raises EntraError for what is no number: the signature's check takes texts too."""
    if not isinstance(seconds, (int, float)):
        raise ASSERTION_UNREADABLE.because()
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
