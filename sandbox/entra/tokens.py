"""Access tokens of the emulated Entra: one signing key per sandbox, made at its first use, and what the tokens say.

Whoever accepts a token (database, storage, vault) verifies it here by the public key and judges rights itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from sandbox.pki import signing_key

POSTGRESQL_AUDIENCE: Final = "https://ossrdbms-aad.database.windows.net"
STORAGE_AUDIENCE: Final = "https://storage.azure.com"
VAULT_AUDIENCE: Final = "https://vault.azure.net"

_ALGORITHM: Final = "RS256"
_PADDING_CLAIM: Final = "xms_padding"


class TokenRefused(Exception):  # noqa: N818 - reads as the field says it: the token was refused
    """Why a token is not accepted, in one line, without the token."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Who a token was issued to; `object_id` is the principal that role assignments and database roles name."""

    object_id: str
    client_id: str
    tenant_id: str
    expires_at: datetime


class TokenAuthority:
    """Issues and verifies tokens with the RSA key pair `signing.key`, `signing.pub` in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._private, self._public = folder / "signing.key", folder / "signing.pub"
        # Two processes may come first at the same time; both must end up with one pair.
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            signing_key(self._private, self._public)

    @cached_property
    def key_id(self) -> str:
        """Names the key in the head of tokens and in `keys`."""
        return hashlib.sha256(self._public.read_bytes()).hexdigest()[:32]

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        public = RSAAlgorithm.to_jwk(self._public_key, as_dict=True)
        return {"keys": [{**public, "use": "sig", "alg": _ALGORITHM, "kid": self.key_id}]}

    def issue(
        self,
        *,
        tenant_id: str,
        object_id: str,
        client_id: str,
        audience: str,
        lifetime: timedelta,
        extra_bytes: int = 0,
    ) -> str:
        """A signed token in the shape of Entra's version 1.0 for applications, `extra_bytes` longer (within 3 bytes).

        Real tokens grow by the claims of a directory; here one claim of that length stands for them.
        """
        now = datetime.now(UTC)
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": issuer(tenant_id),
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": client_id,
            "appidacr": "2",
            "idp": issuer(tenant_id),
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        if extra_bytes:
            # Base64 makes four bytes of three, and the claim's name and quotes count.
            frame = len(f',"{_PADDING_CLAIM}":""')
            claims[_PADDING_CLAIM] = "x" * max(0, extra_bytes * 3 // 4 - frame)
        return jwt.encode(claims, self._private_key, _ALGORITHM, headers={"kid": self.key_id})

    def verify(self, token: str, audience: str) -> Claims:
        """What the token says, if it was issued here for that audience and is valid now. Raises TokenRefused."""
        try:
            found = jwt.decode(
                token,
                self._public_key,
                [_ALGORITHM],
                audience=audience,
                options={"require": ["exp", "nbf", "aud", "iss", "oid", "appid", "tid"]},
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(str(error)) from error
        if found["iss"] != issuer(found["tid"]):
            raise TokenRefused("Invalid issuer")
        return Claims(
            object_id=found["oid"],
            client_id=found["appid"],
            tenant_id=found["tid"],
            expires_at=datetime.fromtimestamp(found["exp"], UTC),
        )

    # Kept as objects: to read the private key from its file checks its primes, which takes 100 ms.
    @cached_property
    def _private_key(self) -> RSAPrivateKey:
        return cast(RSAPrivateKey, load_pem_private_key(self._private.read_bytes(), password=None))

    @cached_property
    def _public_key(self) -> RSAPublicKey:
        return cast(RSAPublicKey, load_pem_public_key(self._public.read_bytes()))


def issuer(tenant_id: str) -> str:
    """Who issues version 1.0 tokens of a tenant, as Entra names itself in them."""
    return f"https://sts.windows.net/{tenant_id}/"
