"""The engine's state of one stack, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.automation import Deployment

STACK_TYPE = "pulumi:pulumi:Stack"
_AZURE = "azure-native:"


@dataclass(frozen=True)
class StackState:
    """Read once per run; secrets in it are in clear, so none of it is printed as a whole."""

    version: int | None
    """Of the format."""
    content: Mapping[str, Any]

    @classmethod
    def of(cls, exported: Deployment) -> StackState:
        return cls(exported.version, exported.deployment or {})

    @property
    def resources(self) -> list[dict[str, Any]]:
        return list(self.content.get("resources") or [])

    @property
    def pending(self) -> list[dict[str, Any]]:
        """Operations that the engine began and did not see end."""
        return list(self.content.get("pending_operations") or [])

    @property
    def half_made(self) -> list[dict[str, Any]]:
        """Resources that Azure accepted and whose operation it then ended as failed: they stand, not as they should."""
        return [each for each in self.resources if each["type"].startswith(_AZURE) and each.get("initErrors")]

    @property
    def exports(self) -> dict[str, Any]:
        """Exports of the last run, name -> value; empty before the first."""
        stacks = (resource for resource in self.resources if resource["type"] == STACK_TYPE)
        return next((dict(stack.get("outputs") or {}) for stack in stacks), {})

    def ids_of(self, kind: str) -> dict[str, str]:
        """Logical name -> id of the resources of one type."""
        return {
            resource["urn"].rsplit("::", 1)[-1]: resource["id"]
            for resource in self.resources
            if resource["type"] == kind and "id" in resource
        }
