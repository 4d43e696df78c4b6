"""docs/secrets.md: its tables say what the stacks give and what the names are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ariel_runtime.secrets.names import Kind, owner_prefix, secret_name

from stacks import roles
from tests.graph_rules.subjects import principals
from tests.recordings import graph_of

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "secrets.md"
CLASSES: Final = {"sandbox": "local", "lower": "dev", "higher": "prod"}
"""Class -> a stack of it."""
HOLDERS: Final = {
    "the tenant's task pods and triggerer": "tenant",
    "the API server": "identity-api-server",
    "the team's Entra group": "team",
    "the pipelines' Entra group": "pipelines",
}
NAME_OF: Final = {guid: name for name, guid in (roles.BUILT_IN | roles.CUSTOM).items()}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below that heading, without its head."""
    section = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    rows = re.search(r"(\|.*\n)+", section)
    assert rows, heading
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].splitlines()[2:]]


def held(stack: str, tenant: str) -> dict[str, set[str]]:
    """Holder -> roles on the tenant's vault, as the stack is planned."""
    graph = graph_of(stack)
    identities = principals(graph)
    vault = graph.one("keyvault:Vault", f"{tenant}-vault")
    found: dict[str, set[str]] = {}
    for each in graph.of("RoleAssignment"):
        if each.inputs["scope"] != vault.id:
            continue
        definition = each.inputs["roleDefinitionId"]
        identity = identities.get(each.inputs["principalId"])
        key = each.name.removeprefix(f"{tenant}-vault-")
        holder = key if identity is None else "tenant" if identity.name.startswith(f"{tenant}-") else identity.name
        role = NAME_OF[definition.rsplit("/", 1)[-1]]
        found.setdefault(holder, set()).add(role)
    return found


def test_the_table_of_roles_is_what_the_stacks_give() -> None:
    written: dict[str, dict[str, set[str]]] = {name: {} for name in CLASSES}
    for who, *cells, _ in table("Who may do what in a tenant's vault"):
        for name, cell in zip(CLASSES, cells, strict=True):
            if cell != "-":
                written[name][HOLDERS[who]] = set(cell.split(", "))
    for name, stack in CLASSES.items():
        for tenant in ("weather", "mobility"):
            assert held(stack, tenant) == written[name], (name, tenant)


def test_the_table_of_names_is_what_the_code_makes() -> None:
    rows = table("What it is called in the vault")
    assert len(rows) > 2
    for written, name in rows:
        assert secret_name(owner_prefix(None), Kind.CONNECTION, written.strip("`")) == name.strip("`")
