"""The tenant's Key Vault by Azure's own client, with an end to its patience, and no silent failure.

Airflow goes on to its next source where a backend fails. Here only "there is no such secret" lets it: a vault that is
throttled, down or closed to this identity says so, or another source's value would be taken for the secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.core.pipeline.policies import RetryPolicy
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import KeyVaultSecret, SecretClient

from ariel_runtime.refusal import Problem

_ABSENT: Final = "SecretNotFound"
_LONGEST_PAUSE_SECONDS: Final = 10


class _Retry(RetryPolicy):
    """Waits no longer than it says, whatever `Retry-After` asks for: the SDK sleeps through an hour of it."""

    def get_retry_after(self, response: Any) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_PAUSE_SECONDS)


@cache
def vault_client(url: str) -> SecretClient:
    """The client of a vault, as the pod's own identity; one credential serves all vaults."""
    return SecretClient(url, _credential(), retry_policy=_Retry(**_retries()), **_patience())


@cache
def _credential() -> DefaultAzureCredential:
    # azure-identity makes its policies itself: it passes over a `retry_policy`. Its managed identity, which would be
    # the node's, takes no class of policy; variables of the team's own code would make it somebody else.
    options = {"retry_policy_class": _Retry, **_retries(), **_patience()}
    others = {"exclude_managed_identity_credential": True, "exclude_environment_credential": True}
    return DefaultAzureCredential(**others, **options)


def _retries() -> dict[str, Any]:
    """Options of a retry policy: three more tries, then the reason."""
    return {"retry_total": 3, "retry_backoff_max": _LONGEST_PAUSE_SECONDS}


def _patience() -> dict[str, Any]:
    """Options for a client of the vault, and for a credential, in seconds."""
    return {"connection_timeout": 5, "read_timeout": 10}


class SecretUnavailableError(AirflowSecretsBackendAccessDenied):
    """A secret may be there and is not given: Airflow asks no other source. The text is for the author."""


@dataclass(frozen=True)
class TenantKeyVault:
    """Reads secrets by their names in the vault, which `names` makes.

    Not a subclass of the provider's backend: that imports msrest and OAuth too, a sixth of a task's first look-up.
    """

    url: str

    @property
    def client(self) -> SecretClient:
        return vault_client(self.url)

    def read(self, name: str) -> str | None:
        """The secret's value; None where there is none. Raises SecretUnavailableError."""
        try:
            secret = self.client.get_secret(name)
        except AzureError as error:
            # A vault that is gone answers 404 too.
            if isinstance(error, ResourceNotFoundError) and error.error and error.error.code == _ABSENT:
                return None
            rule = f"was not given: {error.message}"
            raise self._unavailable(name, rule, "try again later, or see what Azure says") from error
        self._require_valid(name, secret)
        return secret.value

    def _require_valid(self, name: str, secret: KeyVaultSecret) -> None:
        """The vault gives out secrets outside their time, for recovery; source: Key Vault, secret attributes."""
        now, begins, ends = timezone.utcnow(), secret.properties.not_before, secret.properties.expires_on
        if ends is not None and now >= ends:
            raise self._unavailable(name, f"expired at {ends.isoformat()}", "set it anew: `ariel secrets set`")
        if begins is not None and now < begins:
            raise self._unavailable(name, f"is not valid before {begins.isoformat()}", "wait, or set it anew")

    def _unavailable(self, name: str, rule: str, action: str) -> SecretUnavailableError:
        return SecretUnavailableError(str(Problem(path=self.url, value=name, rule=rule, action=action)))
