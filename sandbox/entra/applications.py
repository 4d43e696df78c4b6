"""App registrations: what the sandbox's own API (`/_sandbox/applications`) takes, in the place of Microsoft Graph.

    clientId              lower case, as in the path
    objectId              of its service principal: what role assignments name; made from the client id
    federatedCredentials  [{issuer, subject, audiences: [one]}], at most 20, no two of one issuer and subject
    certificates          [PEM of a certificate with an RSA key, and never the private key]

The last two are what a registration is written with; the store of the emulated ARM keeps it.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from sandbox.arm.errors import Refusal
from stacks.model import Guid, Model
from stacks.wording import path_of

INVALID: Final = Refusal(400, "InvalidApplication", "{path}: {rule}. Correct it and send the registration again.")
UNKNOWN: Final = Refusal(404, "ApplicationNotFound", "{client_id}: no such registration. Register it by PUT.")


class FederatedCredential(Model):
    """Source: workload identity federation, considerations: lengths, one audience, 20 per application, unique pairs."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https://\S{1,592}$")]
    subject: Annotated[str, StringConstraints(min_length=1, max_length=600)]
    audiences: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=600)], ...], Field(min_length=1, max_length=1)
    ]


def _pairs_differ(credentials: tuple[FederatedCredential, ...]) -> tuple[FederatedCredential, ...]:
    if len({(each.issuer, each.subject) for each in credentials}) < len(credentials):
        raise PydanticCustomError("pair", "each issuer and subject once")
    return credentials


def _certificate(pem: str) -> str:
    """Refuses what holds more than a certificate: a private key stays with its owner."""
    fault = PydanticCustomError("certificate", "the PEM of one certificate with an RSA key, without the private key")
    if "PRIVATE KEY" in pem:
        raise fault
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise fault from None
    if not isinstance(found.public_key(), RSAPublicKey):
        raise fault
    return pem


class Application(Model):
    """One registration with its service principal."""

    client_id: Guid
    object_id: Guid
    federated_credentials: Annotated[
        tuple[FederatedCredential, ...], Field(max_length=20), AfterValidator(_pairs_differ)
    ] = ()
    certificates: tuple[Annotated[str, AfterValidator(_certificate)], ...] = ()


def read_application(client_id: str, document: Any) -> dict[str, Any]:
    """The registration as it is kept. Raises ArmError 400 InvalidApplication, which never shows a value."""
    if not isinstance(document, dict):
        raise INVALID.error(path="$", rule="must be an object")
    given = {key: value for key, value in document.items() if key not in ("clientId", "objectId")}
    client_id = client_id.lower()
    try:
        read = Application.model_validate({**given, "clientId": client_id, "objectId": object_id(client_id)})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise INVALID.error(path=path_of(first["loc"]), rule=first["msg"]) from None
    return read.model_dump(mode="json", by_alias=True)


def object_id(client_id: str) -> str:
    """Of the service principal; the same each time, so that a role can be granted before a reset and after it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, client_id.lower()))
