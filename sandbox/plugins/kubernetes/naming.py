"""Names of objects: given, taken over from the state, or made; and the ids that the engine keeps."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes.tokens import name_of
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import Unknown

AUTONAMED = "pulumi.com/autonamed"
# Characters that the engine's own naming appends.
_RANDOM_HEX = 8


def metadata(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object's metadata; empty when missing or unknown."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def annotation(obj: Mapping[str, Any], name: str) -> str:
    """Value of an annotation; empty when missing or unknown."""
    found = metadata(obj).get("annotations")
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def object_id(obj: Mapping[str, Any]) -> str:
    """`namespace/name`, or `name` of a cluster-wide object."""
    namespace, name = metadata(obj).get("namespace"), metadata(obj).get("name")
    return f"{namespace}/{name}" if namespace else str(name)


def split_id(resource_id: str) -> tuple[str, str]:
    """(namespace or empty, name)."""
    namespace, _, name = resource_id.rpartition("/")
    return namespace, name


def assign_name(inputs: dict[str, Any], old_inputs: Mapping[str, Any], request: Any) -> dict[str, Any]:
    """Inputs with `metadata.name`: an own one stays, else the old made-up one, else a new one, marked as such."""
    found = inputs.get("metadata")
    if isinstance(found, Unknown):
        return inputs
    meta = dict(found or {})
    if meta.get("name"):
        return inputs
    if meta.get("generateName"):
        raise PluginError(
            f"{name_of(request.urn)}: metadata.generateName = {meta['generateName']!r}: not possible with "
            "server-side apply; set metadata.name or leave both out"
        )
    if annotation(old_inputs, AUTONAMED) == "true":
        meta["name"] = metadata(old_inputs)["name"]
    else:
        meta["name"] = _new_name(request)
    if not isinstance(meta.get("annotations"), Unknown):
        meta["annotations"] = {**(meta.get("annotations") or {}), AUTONAMED: "true"}
    return {**inputs, "metadata": meta}


def _new_name(request: Any) -> str:
    options = provider_pb2.CheckRequest.AutonamingOptions
    if request.HasField("autonaming") and request.autonaming.mode == options.DISABLE:
        raise PluginError(f"{name_of(request.urn)}: metadata.name: missing, and automatic names are off; set it")
    if request.HasField("autonaming") and request.autonaming.proposed_name:
        return str(request.autonaming.proposed_name)
    seed = hashlib.sha256(request.randomSeed).hexdigest() if request.randomSeed else secrets.token_hex(_RANDOM_HEX)
    return f"{name_of(request.urn)}-{seed[:_RANDOM_HEX]}"
