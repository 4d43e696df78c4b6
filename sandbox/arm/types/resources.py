"""Microsoft.Resources: resource groups."""

from __future__ import annotations

from sandbox.arm.spec import Name, Scope, TypeSpec

RESOURCE_GROUP = TypeSpec(
    type="Microsoft.Resources/resourceGroups",
    source="ARM documentation: resource groups; naming rules (1-90, no trailing dot); delete is asynchronous",
    api_versions=("2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01"),
    name=Name(pattern=r"[\w().-]{0,89}[\w()-]", rule="1-90 letters, digits, _ ( ) - . and no period at the end."),
    scope=Scope.SUBSCRIPTION,
    long_running=("delete",),
)

SPECS = (RESOURCE_GROUP,)
