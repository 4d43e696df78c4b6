"""Client assertions that an application signs itself, with the key of a certificate that it has registered.

Source: Microsoft identity platform, application authentication certificate credentials.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sandbox.entra.clients import Client
from sandbox.entra.federation import audiences_of, out_of_time
from sandbox.entra.refusals import (
    ASSERTION_UNREADABLE,
    CERTIFICATE_AUDIENCE_WRONG,
    CERTIFICATE_CLIENT_WRONG,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_SIGNATURE_WRONG,
    CERTIFICATE_UNKNOWN,
)

_ALGORITHMS: Final = ["RS256", "PS256"]
_THUMBPRINTS: Final[dict[str, hashes.HashAlgorithm]] = {"x5t#S256": hashes.SHA256(), "x5t": hashes.SHA1()}  # noqa: S303
"""Field of the head -> digest of the certificate that it holds; newer libraries send the first."""


def signed_by_certificate(client: Client, assertion: str) -> bool:
    """Whether the application speaks for itself: a thumbprint in the head, or itself as issuer. Raises EntraError."""
    head, said = _read(assertion)
    return any(field in head for field in _THUMBPRINTS) or str(said.get("iss")).lower() == client.client_id.lower()


def verify(client: Client, assertion: str, audiences: Collection[str]) -> None:
    """Whether one of the client's certificates signed the assertion, for one of `audiences`. Raises EntraError.

    In the same order as a federated one: first what it says of itself, then whether it is true.
    """
    head, said = _read(assertion)
    if not {"iss", "sub", "aud", "exp"} <= said.keys():
        raise ASSERTION_UNREADABLE.because()
    if {str(said["iss"]).lower(), str(said["sub"]).lower()} != {client.client_id.lower()}:
        raise CERTIFICATE_CLIENT_WRONG.because()
    if not set(audiences) & set(audiences_of(said)):
        raise CERTIFICATE_AUDIENCE_WRONG.because()
    field = next((name for name in _THUMBPRINTS if name in head), "")
    thumbprint = _thumbprint(head.get(field, ""))
    shown = {"client": client.client_id, "thumbprint": thumbprint.hex().upper()}
    certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in client.certificates]
    found = next((each for each in certificates if field and each.fingerprint(_THUMBPRINTS[field]) == thumbprint), None)
    if found is None:
        raise CERTIFICATE_UNKNOWN.because(**shown)
    if not found.not_valid_before_utc <= datetime.now(UTC) < found.not_valid_after_utc:
        raise CERTIFICATE_EXPIRED.because(**shown)
    try:
        jwt.decode(assertion, found.public_key(), _ALGORITHMS, options={"verify_aud": False})  # type: ignore[arg-type]
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise out_of_time(said) from error
    except jwt.PyJWTError as error:
        raise CERTIFICATE_SIGNATURE_WRONG.because(**shown) from error


def _read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Head and claims, unverified."""
    try:
        head = jwt.get_unverified_header(assertion)
        return head, jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ASSERTION_UNREADABLE.because() from error


def _thumbprint(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (TypeError, ValueError) as error:
        raise ASSERTION_UNREADABLE.because() from error
