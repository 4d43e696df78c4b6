"""PostgreSQL's SCRAM-SHA-256 verifier of a password (RFC 5802 and RFC 7677; PostgreSQL's `pg_authid.rolpassword`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

ITERATIONS: Final = 1
"""Rounds of PBKDF2. They protect guessable passwords only; ours are random, of more than 128 bits. With one round
1,000 clients connect to PgBouncer in 0.5 s, with PostgreSQL's 4,096 in 4.4 s (measured on two cores). Never for a
person's password."""


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`, which lets a login be checked but not be made.

    `password` must be ASCII, for which SASLprep changes nothing. Raises ValueError for another password.
    """
    if not password.isascii():
        raise ValueError("the password of a machine login is ASCII, since SASLprep is not applied to it")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server_key = _hmac(salted, b"Server Key")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
