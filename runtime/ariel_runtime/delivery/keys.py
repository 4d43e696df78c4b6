"""The webhook's keys, made from the API server's own secret whenever they are needed: none is kept by the platform.

Each is HMAC-SHA256 (RFC 2104) under a key that HKDF (RFC 5869) derives from `[api] secret_key`, which no tenant's
process and no database holds.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from airflow.configuration import conf
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"ariel webhook"
_SIGNATURE_PREFIX: Final = "sha256="
"""Of GitHub's header `X-Hub-Signature-256`."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Those of one tenant; another `salt` makes all of them anew."""

    slug: str
    salt: str

    def rolling(self, number: int) -> str:
        """The key that is accepted `number`-th, counted from 1; URL-safe."""
        return self._made("rolling", str(number))

    def signing(self) -> str:
        """The secret with which a git host signs what it posts."""
        return self._made("signing")

    def number_of(self, given: str, expected: int) -> int | None:
        """Which of `expected` and the one after it was given; None for any other.

        The one after it was written to the vault where the number could not be written to the database any more.
        """
        for number in (expected, expected + 1):
            if hmac.compare_digest(given.encode(errors="replace"), self.rolling(number).encode()):
                return number
        return None

    def is_signed(self, body: bytes, signature: str) -> bool:
        """Whether the header is GitHub's for this body."""
        made = _SIGNATURE_PREFIX + hmac.new(self.signing().encode(), body, sha256).hexdigest()
        return hmac.compare_digest(signature.encode(errors="replace"), made.encode())

    def _made(self, *parts: str) -> str:
        # None of the parts holds a line end.
        message = "\n".join((self.slug, self.salt, *parts)).encode()
        return base64.urlsafe_b64encode(hmac.digest(_derived(), message, sha256)).decode().rstrip("=")


def _derived() -> bytes:
    secret = conf.get_mandatory_value("api", "secret_key").encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
