"""The program that both entrances run: the plain `pulumi` command and `ariel` (an inline program)."""

from __future__ import annotations

import pulumi_azure_native as azure_native

from infra.azure_platform import build_azure_platform
from infra.config import current_settings


def program() -> None:
    """Builds one stack. Raises `SettingsError` before the first resource when the stack file is wrong."""
    settings = current_settings()
    azure = azure_native.Provider(
        "azure", subscription_id=settings.azure.subscription_id, tenant_id=settings.azure.tenant_id
    )
    build_azure_platform(settings, azure)
