"""What is certain about a resource before it exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.values import Secret, Unknown, contains_unknown


def certain_outputs(row: ResourceType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs for a preview; whatever is missing here is unknown to the program.

    Maps are left out, tags apart: Azure fills in more keys (a vault's `properties.vaultUri`), and a program would take
    a missing key of a known map for a null.
    """
    outputs = {
        name: value
        for name, value in inputs.items()
        if name in row.body_inputs and name not in row.write_only and (name == "tags" or _is_plain(value))
    }
    own_name = inputs.get(row.parameters[-1])
    if own_name is not None and not contains_unknown(own_name):
        outputs["name"] = own_name
    return {**outputs, "azureApiVersion": row.api_version}


def _is_plain(value: Any) -> bool:
    if isinstance(value, Secret):
        return _is_plain(value.value)
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return isinstance(value, str | int | float | Unknown)
