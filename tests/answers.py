"""What Azure, Kubernetes and the random provider would answer: ids and read-only outputs, always the same."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.plugins.azure_native.types import TABLE

DEFAULT_SUBSCRIPTION = "00000000-0000-4000-8000-000000000000"
"""Of azure-native resources whose provider names none."""

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: recorded
clusters: [{name: recorded, cluster: {server: "https://recorded.invalid"}}]
contexts: [{name: recorded, context: {cluster: recorded, user: recorded}}]
users: [{name: recorded, user: {token: recorded}}]
"""

_NAMESPACE = uuid.UUID("a41e1000-0000-4000-8000-000000000000")


class UnansweredError(AssertionError):
    """The program asks for something that no answer is written for."""


def guid(*parts: str) -> str:
    """A GUID that depends on nothing but `parts`."""
    return str(uuid.uuid5(_NAMESPACE, "|".join(parts)))


def resource_id(type_: str, urn: str, inputs: Mapping[str, Any], subscription: str) -> str:
    """The physical id of a custom resource; an ARM id for Azure, `namespace/name` for Kubernetes.

    Raises UnansweredError for an Azure type outside the table of the sandbox's plug-in, and where a part of the ARM id
    (the resource's own name, its parent's) is left to the provider: every physical name is ours.
    """
    if type_.startswith("azure-native:"):
        return _arm_id(type_, urn, inputs, subscription)
    if type_.startswith("kubernetes:"):
        metadata = inputs.get("metadata") or inputs
        return "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part) or urn
    return guid(urn)


def _arm_id(type_: str, urn: str, inputs: Mapping[str, Any], subscription: str) -> str:
    row = TABLE.get(type_)
    if row is None:
        raise UnansweredError(f"{urn}: no ARM id is known for {type_}: add a row to sandbox/plugins/azure_native/types")
    names = dict(inputs)
    if row.own_name is not None:
        names.setdefault(row.parameters[-1], row.own_name)
    missing = [parameter for parameter in row.parameters if not names.get(parameter)]
    if missing:
        raise UnansweredError(f"{urn}: {', '.join(missing)} not given, so the provider would invent a name: give it")
    return row.resource_id({**{name: str(names[name]) for name in row.parameters}, "subscriptionId": subscription})


def read_only_outputs(type_: str, physical_id: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs that are not inputs, merged over the echoed inputs."""
    if type_.startswith("random:"):
        return _random(type_, urn, inputs)
    if not type_.startswith("azure-native:"):
        return {}
    name = physical_id.rsplit("/", 1)[-1]
    answer = _AZURE.get(type_.removeprefix("azure-native:"))
    return {"name": name, **(answer(name, physical_id) if answer else {})}


def _random(type_: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    length = int(inputs.get("length", 16))
    raw = hashlib.shake_256(urn.encode()).digest(length)
    if type_.endswith(":RandomBytes"):
        return {"base64": base64.b64encode(raw).decode(), "hex": raw.hex()}
    if type_.endswith((":RandomPassword", ":RandomString")):
        return {"result": raw.hex()[:length]}
    raise UnansweredError(f"{urn}: no value is known for {type_}: add it to tests/answers.py")


def _cluster(name: str, physical_id: str) -> dict[str, Any]:
    return {
        "fqdn": f"{name}-recorded.hcp.westeurope.azmk8s.io",
        # The provider takes a list of ids and gives back a map.
        "identity": {"userAssignedIdentities": {}},
        "oidcIssuerProfile": {"issuerURL": f"https://westeurope.oic.prod-aks.azure.com/{guid(physical_id, 'issuer')}/"},
        "ingressProfile": {"webAppRouting": {"identity": {"objectId": guid(physical_id, "routing")}}},
    }


_AZURE: Mapping[str, Callable[[str, str], dict[str, Any]]] = {
    "managedidentity:UserAssignedIdentity": lambda _, physical_id: {
        "principalId": guid(physical_id, "principal"),
        "clientId": guid(physical_id, "client"),
    },
    "keyvault:Vault": lambda name, _: {"properties": {"vaultUri": f"https://{name}.vault.azure.net/"}},
    "storage:StorageAccount": lambda name, _: {
        "primaryEndpoints": {"blob": f"https://{name}.blob.core.windows.net/"},
    },
    "dbforpostgresql:Server": lambda name, _: {"fullyQualifiedDomainName": f"{name}.postgres.database.azure.com"},
    "containerregistry:Registry": lambda name, _: {"loginServer": f"{name}.azurecr.io"},
    "network:PublicIPAddress": lambda *_: {"ipAddress": "203.0.113.200"},
    "containerservice:ManagedCluster": _cluster,
}
"""By type, from (name, ARM id)."""


def invoke_result(token: str) -> dict[str, Any]:
    """The result of a provider's function. Raises UnansweredError for one that the program need not call."""
    if token == "azure-native:containerservice:listManagedClusterUserCredentials":  # noqa: S105 - a function's name
        return {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(KUBECONFIG.encode()).decode()}]}
    raise UnansweredError(f"invoke {token}: not answered in recordings: read the value another way, or answer it here")
