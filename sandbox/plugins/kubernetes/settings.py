"""What the provider resource says: which cluster, and the switches of the published provider that are modelled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.values import Unknown, unwrap

_PREFIX = "kubernetes:config:"
# Switch -> environment variable that sets it where the provider does not (documentation of the published provider).
_SWITCHES = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
_NOT_MODELLED = ("renderYamlToDirectory", "alwaysRender", "skipUpdateUnreachable")


@dataclass(frozen=True)
class Settings:
    """Configuration of one provider. `kubeconfig` is content or a path; empty means the person's own."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    config_map_mutable: bool = False
    secret_mutable: bool = False
    patch_force: bool = False
    upsert: bool = False


def from_variables(variables: Mapping[str, str]) -> Settings:
    """The settings in the `variables` of a Configure request."""
    given = {key.removeprefix(_PREFIX): value for key, value in variables.items()}
    on = {name: given.get(name, os.environ.get(variable, "")) == "true" for name, variable in _SWITCHES.items()}
    return Settings(
        kubeconfig=given.get("kubeconfig", ""),
        context=given.get("context", ""),
        cluster=given.get("cluster", ""),
        namespace=given.get("namespace", ""),
        delete_unreachable=on["deleteUnreachable"],
        config_map_mutable=on["enableConfigMapMutable"],
        secret_mutable=on["enableSecretMutable"],
        patch_force=on["enablePatchForce"],
        upsert=on["upsertExistingObjects"],
    )


def refused(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Provider inputs that the sandbox does not model, each with the reason."""
    found = [
        (name, f"{name} = {inputs[name]!r}: the sandbox's plug-in does not model it; leave it out")
        for name in _NOT_MODELLED
        if inputs.get(name) not in (None, "", False, "false")
    ]
    if inputs.get("enableServerSideApply") in (False, "false"):
        reason = "enableServerSideApply = false: the sandbox's plug-in models server-side apply only; leave it out"
        found.append(("enableServerSideApply", reason))
    return found


def replacing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Changed provider inputs that replace the provider, and with it everything in the cluster.

    As the published provider: another active cluster replaces, an unknown selection counts as another one, and an
    unchanged `clusterIdentifier` stops both; a changed one always replaces.
    """
    old, new = unwrap(old), unwrap(new)
    identifier, before = new.get("clusterIdentifier"), old.get("clusterIdentifier")
    if identifier and identifier == before:
        return []
    replaced = ["clusterIdentifier"] if identifier and before else []
    selection = ("kubeconfig", "context", "cluster")
    unknown = [name for name in selection if isinstance(new.get(name), Unknown)]
    if unknown:
        return replaced + unknown
    was, now = _active(old), _active(new)
    if was and now and was != now:
        replaced += [name for name in selection if old.get(name) != new.get(name)]
    return replaced


def _active(inputs: Mapping[str, Any]) -> dict[str, Any]:
    if not inputs.get("kubeconfig"):
        return {}
    document = kubeconfig.parse(kubeconfig.text_of(inputs["kubeconfig"]))
    return kubeconfig.active_cluster(document, inputs.get("context") or "", inputs.get("cluster") or "")
