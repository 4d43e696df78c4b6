"""A certificate and its key, as an application's owner makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sandbox.pki import private_pem


class OwnCertificate:
    """Signed by itself; it ends in `days`, sixty after it began."""

    def __init__(self, *, days: int = 30, curve: bool = False) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "partner")])
        end = datetime.now(UTC) + timedelta(days=days)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(end - timedelta(days=60)).not_valid_after(end)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def public(self) -> str:
        """What the application's owner registers."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def whole(self) -> str:
        """What the tenant's vault holds: certificate and key."""
        return self.public + private_pem(self.key).decode()
