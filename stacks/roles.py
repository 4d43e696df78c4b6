"""The roles that are assigned, by name with their ids: Azure's built-in ones, and one of our own."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

BUILT_IN: Final[dict[str, str]] = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Network Contributor": "4d97b98b-1d4f-4787-a291-c67834d212e7",
    "Private DNS Zone Contributor": "b12aa53e-6015-4669-85d0-8515ebb3ae7f",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
}
"""Role name -> GUID of its definition, from Azure's table of built-in roles."""

VAULT_WRITER: Final = "Airflow Secret Writer"
CUSTOM: Final[dict[str, str]] = {VAULT_WRITER: "4f6cbb1e-0a55-4d0c-9d0e-6f1f8a3f3c52"}
"""Name -> GUID of the roles that the directory's administrator defines once, for all environments (docs/azure.md).

The program does not: who may write a role's definition may write every right into it.
"""
VAULT_WRITER_MAY: Final = "Microsoft.KeyVault/vaults/secrets/setSecret/action"
"""Its only data action: a new version of a secret. Azure has no role that sets without reading."""


class GrantableRole(StrEnum):
    """What a tenant's block may grant: data-plane roles only, none that can hand out rights."""

    STORAGE_BLOB_DATA_READER = "Storage Blob Data Reader"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "Storage Blob Data Contributor"
    KEY_VAULT_SECRETS_USER = "Key Vault Secrets User"
    MONITORING_METRICS_PUBLISHER = "Monitoring Metrics Publisher"


def definition_id(subscription_id: str, role: str) -> str:
    """ARM id of a role's definition. Raises KeyError for one that is in neither table."""
    guid = (BUILT_IN | CUSTOM)[role]
    return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
