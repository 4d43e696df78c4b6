"""Type tokens of the package: which Kubernetes kind one stands for, and which ones the sandbox refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.failures import PluginError

RELEASE = "kubernetes:helm.sh/v3:Release"


def token_of(urn: str) -> str:
    """The type in urn:pulumi:stack::project::parent$type::name."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """The resource's logical name."""
    return urn.split("::", 3)[3]


def kind_of(urn: str, inputs: Mapping[str, Any]) -> tuple[str, str]:
    """(apiVersion, kind): from the inputs, else from the type token; raises PluginError for what is not modelled."""
    _, group_version, kind = token_of(urn).split(":", 2)
    api_version = group_version.removeprefix("core/")
    given = (str(inputs.get("apiVersion") or api_version), str(inputs.get("kind") or kind))
    if kind == f"{given[1]}Patch":
        raise _refusal(urn, f"{kind}: resources that patch are not modelled", "own the object, or set its fields there")
    if given[1].endswith("List") and "items" in inputs:
        raise _refusal(urn, f"{given[1]}: lists cannot be created", "create the items one by one")
    return given


def _refusal(urn: str, what: str, action: str) -> PluginError:
    return PluginError(f"{name_of(urn)}: {what} by the sandbox's kubernetes plug-in; {action}")
