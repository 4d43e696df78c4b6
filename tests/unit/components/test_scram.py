"""The verifier is PostgreSQL's, checked with the exchange that RFC 7677 prints."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from components import scram

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
EXCHANGE = (
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
)
CLIENT_PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SERVER_SIGNATURE = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def keys(verifier: str) -> tuple[bytes, bytes]:
    stored, server = verifier.split("$")[2].split(":")
    return base64.b64decode(stored), base64.b64decode(server)


def test_a_client_that_knows_the_password_passes_and_can_trust_the_server() -> None:
    stored_key, server_key = keys(scram.verifier("pencil", SALT, 4096))
    signature = hmac.digest(stored_key, EXCHANGE, "sha256")
    client_key = bytes(a ^ b for a, b in zip(CLIENT_PROOF, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    assert hmac.digest(server_key, EXCHANGE, "sha256") == SERVER_SIGNATURE


def test_the_form_is_the_one_that_postgresql_stores() -> None:
    assert scram.verifier("pencil", SALT, 4096).startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")


def test_another_password_or_salt_gives_another_verifier() -> None:
    made = {scram.verifier("a", b"1"), scram.verifier("b", b"1"), scram.verifier("a", b"2")}
    assert len(made) == 3


def test_a_password_that_clients_would_normalise_is_refused_instead_of_locking_them_out() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram.verifier("pässword", SALT)
