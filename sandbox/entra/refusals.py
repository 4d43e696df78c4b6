"""How Entra says no: its codes, their OAuth 2.0 error, their text.

Source: Microsoft Entra authentication and authorization error codes (AADSTS), and for 70025, 700023 and 700027 the
messages in public reports of them. Without a confirmed source: the text of 700021.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"


@dataclass(frozen=True)
class Refusal:
    """One AADSTS code; `text` has holes for what was presented."""

    code: int
    status: int
    error: str
    text: str

    def because(self, **presented: str) -> EntraError:
        return EntraError(self.code, self.status, self.error, self.text.format(**presented))


class EntraError(Exception):
    """A request that the token endpoint refuses, with all that its answer says."""

    def __init__(self, code: int, status: int, error: str, text: str) -> None:
        self.code, self.status, self.error, self.text = code, status, error, text
        super().__init__(f"AADSTS{code}: {text}")

    def body(self, correlation: str) -> dict[str, Any]:
        """The answer's JSON."""
        trace, now = str(uuid.uuid4()), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        description = f"{self} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        return {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }


TENANT_UNKNOWN = Refusal(
    90002,
    400,
    "invalid_request",
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
    "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
    "tenant.",
)
PARAMETER_MISSING = Refusal(
    900144, 400, "invalid_request", "The request body must contain the following parameter: '{parameter}'."
)
GRANT_UNKNOWN = Refusal(
    70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant_type}'."
)
NO_SECRETS = Refusal(
    7000218,
    401,
    "invalid_client",
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
)
CLIENT_UNKNOWN = Refusal(
    700016,
    400,
    "unauthorized_client",
    "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "
    "You may have sent your authentication request to the wrong tenant.",
)
ASSERTION_UNREADABLE = Refusal(50027, 400, "invalid_request", "JWT token is invalid or malformed.")
CREDENTIALS_MISSING = Refusal(
    70025, 401, "invalid_client", "The client '{client}' has no configured federated identity credentials."
)
ISSUER_UNKNOWN = Refusal(
    700211,
    401,
    "invalid_client",
    "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated "
    f"identity credential Subject, Audience and Issuer against the presented assertion. {_FEDERATION}",
)
AUDIENCE_UNKNOWN = Refusal(
    700212,
    401,
    "invalid_client",
    "No matching federated identity record found for presented assertion audience '{audience}'. Check your federated "
    f"identity credential Subject, Audience and Issuer against the presented assertion. {_FEDERATION}",
)
SUBJECT_UNKNOWN = Refusal(
    700213,
    401,
    "invalid_client",
    "No matching federated identity record found for presented assertion subject '{subject}'. Please note that the "
    "matching is done using a case-sensitive comparison. Check your federated identity credential Subject, Audience "
    f"and Issuer against the presented assertion. {_FEDERATION}",
)
ISSUER_UNREACHABLE = Refusal(
    50166, 400, "invalid_request", "Request to External OIDC endpoint failed: the issuer '{issuer}' gives no keys."
)
SIGNATURE_WRONG = Refusal(50013, 401, "invalid_client", "Assertion failed signature validation.")
ASSERTION_EXPIRED = Refusal(
    700024,
    401,
    "invalid_client",
    "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {start}, expiry "
    "time of assertion {end}. Review the documentation at "
    "https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
)
_KEYS = (
    "Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use "
    "MS Graph to see configured keys for app Id '{client}'.]"
)
CERTIFICATE_UNKNOWN = Refusal(
    700027,
    401,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - "
    f"The key was not found., {_KEYS}",
)
CERTIFICATE_EXPIRED = Refusal(
    700027,
    401,
    "invalid_client",
    f"Client assertion contains an invalid signature. [Reason - The key used is expired., {_KEYS}",
)
CERTIFICATE_SIGNATURE_WRONG = Refusal(
    700027,
    401,
    "invalid_client",
    "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected "
    f"signature value., {_KEYS}",
)
CERTIFICATE_CLIENT_WRONG = Refusal(
    700021, 401, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter."
)
CERTIFICATE_AUDIENCE_WRONG = Refusal(
    700023, 401, "invalid_client", "Client assertion audience claim does not match Realm issuer."
)
SCOPE_WRONG = Refusal(
    1002012,
    400,
    "invalid_scope",
    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default "
    "suffixed to the resource identifier (application ID URI).",
)
RESOURCE_UNKNOWN = Refusal(
    500011,
    400,
    "invalid_resource",
    "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the "
    "application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "
    "You might have sent your authentication request to the wrong tenant.",
)
