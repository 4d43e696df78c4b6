"""Which vaults a stack has, by logical name: they alone leave something behind when they are deleted."""

from __future__ import annotations

from stacks.naming import Kind, Names, trust_vault
from stacks.settings import Settings
from stacks.tenant import SecretsMode

PLATFORM_VAULT = "platform-vault"


def tenant_vault(slug: str) -> str:
    """Logical name of a tenant's own vault."""
    return f"{slug}-vault"


def planned_vaults(settings: Settings) -> dict[str, str]:
    """Logical name -> physical name of every vault that the stack file asks for."""
    names = Names(organisation=settings.organisation, stack=settings.stack)
    purposes = {PLATFORM_VAULT: "platform"}
    purposes |= {trust_vault(group): trust_vault(group) for group in settings.trust_groups}
    purposes |= {
        tenant_vault(slug): slug
        for slug, tenant in settings.tenants.items()
        if tenant.secrets.mode is SecretsMode.VAULT
    }
    return {logical: names.of(Kind.VAULT, purpose) for logical, purpose in purposes.items()}
