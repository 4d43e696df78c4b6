"""Who may do what in a tenant's vault, by the class of the environment. docs/secrets.md shows it; a test compares."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.vault import Access
from infra.azure_platform import AzurePlatform
from stacks.roles import VAULT_WRITER
from stacks.settings import EnvironmentClass, Settings
from stacks.tenant import Tenant

USER = "Key Vault Secrets User"
OFFICER = "Key Vault Secrets Officer"
READER = "Key Vault Reader"


def vault_access(
    tenant: Tenant, settings: Settings, platform: AzurePlatform, identities: Mapping[str, pulumi.Input[str]]
) -> dict[str, Access]:
    """Permanent key -> access. `identities`: key -> object id of what runs the tenant's code.

    In class `higher` nobody writes but through the API server, which checks the team and cannot read.
    """
    access = {key: Access(role=USER, principal_id=principal) for key, principal in identities.items()}
    api_server = platform.api_server.principal_id
    access["names"] = Access(role=READER, principal_id=api_server)
    access["desk"] = Access(role=VAULT_WRITER, principal_id=api_server)
    if settings.class_ is not EnvironmentClass.HIGHER:
        access["team"] = Access(role=OFFICER, principal_id=tenant.group_id, principal_type="Group")
    if settings.vault.ci_may_write and settings.vault.ci_group_id:
        access["pipelines"] = Access(role=OFFICER, principal_id=settings.vault.ci_group_id, principal_type="Group")
    return access
