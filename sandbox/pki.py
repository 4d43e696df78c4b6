"""Certificates and keys of a sandbox: one authority per folder, leaves signed by it, every file made once and kept."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY: Final = timedelta(days=3650)
"""A sandbox is thrown away long before; nothing renews these."""

_BACKDATE: Final = timedelta(minutes=5)
_RSA_BITS: Final = 2048  # Entra accepts RS256 only; NIST SP 800-57 allows 2048 bits until 2030.


@dataclass(frozen=True)
class KeyPair:
    """Files of a certificate and its private key, PEM."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority whose files are `<folder>/ca.crt` and `<folder>/ca.key`, made at the first use."""

    def __init__(self, folder: Path, common_name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.files = KeyPair(folder / "ca.crt", folder / "ca.key")
        if not self.files.certificate.exists():
            self._create(common_name)
        self._certificate = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        self._key = _load_ec(self.files.key)

    def client(self, name: str, common_name: str, organizations: Sequence[str] = ()) -> KeyPair:
        """A client certificate; Kubernetes reads the common name as user, the organizations as groups."""
        return self._leaf(name, common_name, organizations, (), ExtendedKeyUsageOID.CLIENT_AUTH)

    def server(self, name: str, common_name: str, hosts: Sequence[str]) -> KeyPair:
        """A server certificate for the given DNS names and addresses."""
        return self._leaf(name, common_name, (), hosts, ExtendedKeyUsageOID.SERVER_AUTH)

    def _create(self, common_name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name, ())
        builder = _builder(subject, subject, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        builder = builder.add_extension(_usage(certificates=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        # The certificate is the mark that the pair is whole, so it comes last.
        write_private(self.files.key, private_pem(key))
        write_private(self.files.certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def _leaf(
        self,
        name: str,
        common_name: str,
        organizations: Sequence[str],
        hosts: Sequence[str],
        purpose: x509.ObjectIdentifier,
    ) -> KeyPair:
        files = KeyPair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        if files.certificate.exists():
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name, organizations), self._certificate.subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(certificates=False), critical=True)
        # Python 3.13 verifies strictly (RFC 5280): a leaf without the authority's key identifier is refused.
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(authority, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        write_private(files.key, private_pem(key))
        write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return files


def signing_key(private: Path, public: Path) -> None:
    """Make an RSA key pair for signing tokens, once: PKCS#8 private and SubjectPublicKeyInfo public file, PEM."""
    if public.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    write_private(private, private_pem(key))
    write_private(
        public,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """The key as PKCS#8 PEM, not encrypted: its file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
    partial.replace(file)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + VALIDITY)
    )


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _load_ec(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{file} does not hold an elliptic-curve key")
    return key
