"""Where the emulated ARM is, and on whose behalf the plug-in speaks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.plugins.azure_native.client import ArmClient
from sandbox.plugins.failures import PluginError

_ENDPOINT, _TOKEN = "ARIEL_ARM_ENDPOINT", "ARIEL_ARM_TOKEN"


@dataclass(frozen=True)
class Configuration:
    """The provider's settings: from the stack (`azure-native:*`), else from ARM_*, as the published provider does."""

    client: ArmClient
    subscription_id: str
    tenant_id: str
    client_id: str
    location: str | None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Configuration:
        """Raises PluginError when an environment variable is absent or the subscription is not known."""
        endpoint, token = os.environ.get(_ENDPOINT, ""), os.environ.get(_TOKEN, "")
        parts = urlsplit(endpoint)
        if parts.scheme != "http" or not parts.hostname:
            raise PluginError(_refusal(f"environment variable {_ENDPOINT}", endpoint, "http://HOST:PORT"))
        if not token:
            raise PluginError(_refusal(f"environment variable {_TOKEN}", token, "the emulated ARM's token"))
        subscription = settings.get("subscriptionId") or os.environ.get("ARM_SUBSCRIPTION_ID", "")
        if not isinstance(subscription, str) or not subscription:
            raise PluginError(
                "azure-native:subscriptionId: not set: must be the id of a subscription: set it in the stack's"
                " configuration (pulumi config set azure-native:subscriptionId ID) or as ARM_SUBSCRIPTION_ID"
            )
        return cls(
            client=ArmClient(endpoint, token),
            subscription_id=subscription,
            tenant_id=settings.get("tenantId") or os.environ.get("ARM_TENANT_ID", ""),
            client_id=settings.get("clientId") or os.environ.get("ARM_CLIENT_ID", ""),
            location=settings.get("location") or os.environ.get("ARM_LOCATION"),
        )


def _refusal(path: str, value: str, rule: str) -> str:
    return (
        f"{path}: {value or 'not set'}: must be {rule}: run through `ariel`, which starts the emulated ARM and sets it;"
        " for a real subscription take the sandbox's plug-in folders off PATH"
    )
