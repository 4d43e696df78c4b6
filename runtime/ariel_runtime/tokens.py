"""Fresh Entra tokens of the pod's workload identities: what PostgreSQL takes in place of a password.

Every call asks anew: a credential object that is kept answers from its cache, also with a token about to expire. Who
keeps tokens, and when they are renewed, is the caller's matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from azure.core.exceptions import AzureError
from azure.identity import WorkloadIdentityCredential

POSTGRESQL_SCOPE: Final = "https://ossrdbms-aad.database.windows.net/.default"

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 10


class TokenUnavailableError(Exception):
    """No token came; says what Entra, or the way to it, answered. Never holds a token or an assertion."""


@dataclass(frozen=True, kw_only=True)
class Token:
    value: str = field(repr=False)
    expires_on: float
    """Unix time."""
    refresh_on: float | None
    """Unix time after which Entra wants it renewed, where it said so."""


def fresh_token(client_id: str, scope: str = POSTGRESQL_SCOPE) -> Token:
    """A token of the identity `client_id`, which the pod's service account must be federated to.

    Tenant, authority and the account's projected token come from the `AZURE_*` variables that workload identity puts
    into the pod. Asks once, for at most 15 seconds. Raises TokenUnavailableError.
    """
    try:
        with WorkloadIdentityCredential(
            client_id=client_id, retry_total=0, connection_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS
        ) as credential:
            found = credential.get_token_info(scope)
    except (AzureError, ValueError, OSError) as error:
        # ValueError: a variable is missing. OSError: the projected token cannot be read.
        raise TokenUnavailableError(f"{type(error).__name__}: {error}") from None
    return Token(value=found.token, expires_on=found.expires_on, refresh_on=found.refresh_on)
