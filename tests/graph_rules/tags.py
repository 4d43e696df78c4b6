"""Tags: who answers for a thing, and what made it."""

from __future__ import annotations

from typing import Final

from sandbox.plugins.azure_native.types import TABLE
from tests.graph_rules.subjects import Rule, azure, owner, some
from tests.harness import Graph

REQUIRED: Final = ("managed-by", "environment", "class", "contact")


def everything_taggable_is_tagged(graph: Graph) -> list[str]:
    """Without its tags nobody finds whom to ask, and costs go to nobody."""
    offenders = []
    for each in azure(graph):
        if "tags" in TABLE[each.type].inputs:
            tags = each.inputs.get("tags") or {}
            offenders += [f"{each}: tag {tag} is missing in {tags}" for tag in REQUIRED if not tags.get(tag)]
    return offenders


def a_tenants_group_and_vault_name_the_tenant(graph: Graph) -> list[str]:
    """A tenant's bill and its auditor find its things by the tag."""
    offenders = []
    for each in some(graph, "resources:ResourceGroup", "keyvault:Vault"):
        tag, slug = (each.inputs.get("tags") or {}).get("tenant"), owner(graph, each)
        if tag != slug:
            offenders.append(f"{each}: tag tenant is {tag!r}, it belongs to {slug!r}")
    return offenders


RULES: Final[tuple[Rule, ...]] = (everything_taggable_is_tagged, a_tenants_group_and_vault_name_the_tenant)
