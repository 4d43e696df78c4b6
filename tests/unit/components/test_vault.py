"""Who may do what in a vault of the platform."""

from __future__ import annotations

import pytest

from stacks.roles import BUILT_IN
from tests.recordings import STACKS, graph_of


@pytest.mark.parametrize("stack", STACKS)
def test_the_platforms_vault_is_opened_for_its_certificate_and_not_for_secrets_of_people(stack: str) -> None:
    graph = graph_of(stack)
    vault = graph.one("keyvault:Vault", "platform-vault")
    names = {definition: role for role, definition in BUILT_IN.items()}
    given = {
        (each.name, names[each.inputs["roleDefinitionId"].rsplit("/", 1)[-1]])
        for each in graph.of("RoleAssignment")
        if each.inputs["scope"] == vault.id
    }
    assert given == {
        ("platform-vault-engineers", "Key Vault Certificates Officer"),
        ("cluster-routing-certificate", "Key Vault Secrets User"),
    }
