"""The functions that a program may call (`azure-native:<module>:<function>`)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.client import ArmError
from sandbox.plugins.azure_native.configuration import Configuration
from sandbox.plugins.azure_native.deadline import Deadline
from sandbox.plugins.azure_native.types import TABLE
from sandbox.plugins.failures import PluginError
from sandbox.plugins.values import Secret


def invoke(token: str, args: Mapping[str, Any], configuration: Configuration, deadline: Deadline) -> dict[str, Any]:
    """Raises PluginError for an unknown function, ArmError when the service refuses."""
    if token == "azure-native:authorization:getClientConfig":  # noqa: S105 - a function's name
        return _client_config(configuration)
    if token == "azure-native:containerservice:listManagedClusterUserCredentials":  # noqa: S105
        return _user_credentials(args, configuration, deadline)
    raise PluginError(
        f"function {token}: not known to the sandbox: it offers getClientConfig and listManagedClusterUserCredentials:"
        " add it to sandbox/plugins/azure_native/functions.py, or read the value another way"
    )


def _client_config(configuration: Configuration) -> dict[str, Any]:
    """The object id is made from the client's: the sandbox's deployer has no entry in a directory."""
    return {
        "clientId": configuration.client_id,
        "objectId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{configuration.tenant_id}/{configuration.client_id}")),
        "subscriptionId": configuration.subscription_id,
        "tenantId": configuration.tenant_id,
    }


def _user_credentials(args: Mapping[str, Any], configuration: Configuration, deadline: Deadline) -> dict[str, Any]:
    """Kubeconfigs of a cluster, base64, as secrets."""
    row = TABLE["azure-native:containerservice:ManagedCluster"]
    cluster = row.resource_id({**args, "subscriptionId": configuration.subscription_id})
    path = f"{cluster}/listClusterUserCredential"
    answer = configuration.client.call("POST", path, row.api_version, deadline, {})
    if not answer.ok:
        raise ArmError("POST", path, answer)
    return {
        "kubeconfigs": [
            {"name": entry["name"], "value": Secret(entry["value"])} for entry in answer.body.get("kubeconfigs", [])
        ]
    }
