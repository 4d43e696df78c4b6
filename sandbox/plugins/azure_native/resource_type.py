"""What the plug-in knows of one resource type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

_PARAMETER = re.compile(r"\{(\w+)\}")

# Inputs which the provider takes from its configuration, not from the resource.
_FROM_CONFIGURATION = "subscriptionId"


def words(text: str) -> frozenset[str]:
    """A set of names, written as one string."""
    return frozenset(text.split())


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One row of the table; `type` is its token. Paths are dotted SDK names without list positions (`backup.mode`).

    `path`        ARM id with the SDK's names of its parts in braces; the last one is the resource's own name.
    `envelope`    inputs that stand beside `properties` in the ARM body.
    `flat`        whether `properties` is folded away in the SDK; else the program passes `properties` itself.
    `properties`  inputs that go into `properties`.
    `required`    inputs without which ARM refuses, beside the parts of the path.
    `force_new`   inputs whose change replaces the resource, beside the parts of the path and `location`.
    `write_only`  inputs that ARM never returns.
    `nested`      maps (or lists of maps) which ARM nests once more into `properties`, with the keys that stay outside.
    `renames`     SDK name to ARM name where the two differ.
    `shared`      lists of which other resources own elements too. An update that does not name the list would clear it,
                  so it keeps what is there; a refresh looks only at the elements that the program names.
    `own_name`    the only name that a singleton may have; used when the program gives none.
    `singleton`   exists together with its parent: a create takes it over, no existence check.
    `delete`      what a delete does: DELETE, nothing, or a PUT of the default value.
    """

    type: str
    api_version: str
    path: str
    envelope: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()
    flat: bool = True
    required: frozenset[str] = frozenset()
    force_new: frozenset[str] = frozenset()
    write_only: frozenset[str] = frozenset()
    nested: Mapping[str, frozenset[str]] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    own_name: str | None = None
    singleton: bool = False
    delete: Literal["delete", "keep", "reset"] = "delete"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The inputs that are parts of the ARM id, in order."""
        return tuple(name for name in _PARAMETER.findall(self.path) if name != _FROM_CONFIGURATION)

    @property
    def inputs(self) -> frozenset[str]:
        """Every input that the type takes."""
        return self.envelope | self.properties | frozenset(self.parameters)

    @property
    def body_inputs(self) -> frozenset[str]:
        """The inputs that are part of the ARM body."""
        return self.envelope | self.properties

    def resource_id(self, values: Mapping[str, str]) -> str:
        """The ARM id; `values` holds every parameter and `subscriptionId`. A scope may start with a slash or not."""
        filled = _PARAMETER.sub(lambda match: values[match[1]].strip("/"), self.path)
        return "/" + filled.lstrip("/")

    def parse(self, resource_id: str) -> dict[str, str] | None:
        """The parameters in an ARM id; None when the id is of another type."""
        pattern = _PARAMETER.sub(self._group, re.escape(self.path).replace(r"\{", "{").replace(r"\}", "}"))
        match = re.fullmatch(pattern, resource_id, re.IGNORECASE)
        if match is None:
            return None
        found = match.groupdict()
        found.pop(_FROM_CONFIGURATION, None)
        return {name: f"/{value}" if name in ("scope", "resourceUri") else value for name, value in found.items()}

    @staticmethod
    def _group(match: re.Match[str]) -> str:
        name = match[1]
        return f"(?P<{name}>.+)" if name in ("scope", "resourceUri") else f"(?P<{name}>[^/]+)"
