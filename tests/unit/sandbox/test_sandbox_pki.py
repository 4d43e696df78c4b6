"""Certificates: verified by their own authority only, private on disk, made once."""

from __future__ import annotations

import contextlib
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.pki import Authority, KeyPair, signing_key, write_private


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki", "test authority")


def test_a_server_is_verified_by_name_and_by_address(authority: Authority) -> None:
    server = authority.server("serving", "server", ["127.0.0.1", "localhost"])
    for host in ("127.0.0.1", "localhost"):
        _handshake(authority, server, authority.client("c", "someone"), host)


def test_a_server_is_not_verified_by_a_name_that_it_was_not_made_for(authority: Authority) -> None:
    server = authority.server("serving", "server", ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
        _handshake(authority, server, authority.client("c", "someone"), "elsewhere")


def test_a_client_says_its_user_and_its_groups(authority: Authority) -> None:
    server = authority.server("serving", "server", ["localhost"])
    said = _handshake(authority, server, authority.client("c", "someone", ["one", "two"]), "localhost")
    assert sorted(value for part in said["subject"] for _, value in part) == ["one", "someone", "two"]


def test_a_server_certificate_does_not_sign_a_client_in(authority: Authority) -> None:
    server = authority.server("serving", "server", ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        _handshake(authority, server, server, "localhost")


def test_one_sandbox_does_not_accept_the_certificates_of_another(authority: Authority, tmp_path: Path) -> None:
    server = authority.server("serving", "server", ["localhost"])
    other = Authority(tmp_path / "other", "test authority").client("c", "someone")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(authority, server, other, "localhost")


def test_a_restart_keeps_every_file(authority: Authority, tmp_path: Path) -> None:
    def make() -> dict[str, bytes]:
        again = Authority(tmp_path / "pki", "test authority")
        again.client("c", "someone")
        again.server("s", "server", ["localhost"])
        signing_key(tmp_path / "pki" / "sa.key", tmp_path / "pki" / "sa.pub")
        return {file.name: file.read_bytes() for file in (tmp_path / "pki").iterdir()}

    first = make()
    assert len(first) == 8
    assert make() == first


def test_an_authority_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    whole = Authority(tmp_path, "test authority")
    whole.files.certificate.unlink()
    again = Authority(tmp_path, "test authority")
    _handshake(again, again.server("s", "server", ["localhost"]), again.client("c", "someone"), "localhost")


def test_nobody_else_reads_a_key(authority: Authority, tmp_path: Path) -> None:
    pair = authority.client("c", "someone")
    signing_key(tmp_path / "sa.key", tmp_path / "sa.pub")
    write_private(tmp_path / "token", b"secret")
    for file in (pair.key, authority.files.key, tmp_path / "sa.key", tmp_path / "token"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_tokens_are_signed_with_rsa_because_entra_accepts_no_other(tmp_path: Path) -> None:
    signing_key(tmp_path / "sa.key", tmp_path / "sa.pub")
    private = serialization.load_pem_private_key((tmp_path / "sa.key").read_bytes(), None)
    public = serialization.load_pem_public_key((tmp_path / "sa.pub").read_bytes())
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.public_key() == public


def _handshake(authority: Authority, server: KeyPair, client: KeyPair, host: str) -> dict[str, Any]:
    """Mutual TLS in memory, verified as strictly as Python 3.13 does. Returns the client's certificate."""
    serving, asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    serving.verify_mode = ssl.CERT_REQUIRED
    for context, pair in ((serving, server), (asking, client)):
        context.load_verify_locations(authority.files.certificate)
        context.load_cert_chain(pair.certificate, pair.key)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        asking.wrap_bio(to_client, to_server, server_hostname=host),
        serving.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(3):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[1].getpeercert() or {}
