"""The secrets backend of tenants: Airflow's own for Key Vault, asked only for what the environment does not say.

Before a task counts as running, its pod looks up the connections of its logs and its bundle, which are variables of
the pod. Airflow asks the configured backend first: an import, a token and a request to the vault for each, for nothing.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.secrets import BaseSecretsBackend

if TYPE_CHECKING:
    from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend


class TenantVaultBackend(BaseSecretsBackend):
    """Takes the arguments of `AzureKeyVaultBackend`; Azure's libraries are imported at the first question for it."""

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        if f"AIRFLOW_CONN_{conn_id.upper()}" in os.environ:
            return None
        return self._vault.get_conn_value(conn_id, team_name=team_name)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        if f"AIRFLOW_VAR_{key.upper()}" in os.environ:
            return None
        return self._vault.get_variable(key, team_name=team_name)

    def get_config(self, key: str) -> str | None:
        return self._vault.get_config(key)

    @cached_property
    def _vault(self) -> AzureKeyVaultBackend:
        from airflow.providers.microsoft.azure.secrets.key_vault import AzureKeyVaultBackend

        return AzureKeyVaultBackend(**self._arguments)
