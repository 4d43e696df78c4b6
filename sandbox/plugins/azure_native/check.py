"""What the engine asks before it plans: are these inputs possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.resource_type import ResourceType

Failure = tuple[str, str]


def check(row: ResourceType, inputs: Mapping[str, Any], location: str | None) -> tuple[dict[str, Any], list[Failure]]:
    """The inputs with the provider's defaults, and what is wrong with them as (input, reason)."""
    checked = dict(inputs)
    own_name = row.parameters[-1]
    if row.own_name and checked.get(own_name) is None:
        checked[own_name] = row.own_name
    if "location" in row.envelope and location and checked.get("location") is None:
        checked["location"] = location
    failures = [
        (name, f"given, but {row.type} {row.api_version} has no such input: take it out or correct its spelling")
        for name in sorted(checked.keys() - row.inputs)
    ]
    failures += [(name, _missing(row, name)) for name in sorted(_needed(row)) if checked.get(name) in (None, "")]
    return checked, failures


def _needed(row: ResourceType) -> frozenset[str]:
    return row.required | frozenset(row.parameters)


def _missing(row: ResourceType, name: str) -> str:
    if name == row.parameters[-1]:
        # The published provider would make up a name with a random ending, new at each replacement.
        return f"not given: {row.type} is named explicitly in the sandbox: pass {name}"
    return f"not given: {row.type} needs it: pass {name}"
