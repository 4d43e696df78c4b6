"""A protected stack is refused as a whole."""

from __future__ import annotations

import pytest

from cli.protection import refuse_protected
from stacks.errors import EngineError

URN = "urn:pulumi:prod::ariel::azure-native:keyvault:Vault::"


def test_every_protected_resource_is_named_and_the_way_out_is_told() -> None:
    state = [
        {"urn": f"{URN}kept", "type": "azure-native:keyvault:Vault", "id": "/subscriptions/1/kept", "protect": True},
        {"urn": f"{URN}free", "type": "azure-native:keyvault:Vault", "id": "/subscriptions/1/free"},
        {"urn": f"{URN}data", "type": "azure-native:resources:ResourceGroup", "protect": True},
    ]
    with pytest.raises(EngineError) as refused:
        refuse_protected("prod", state)
    assert [problem.path for problem in refused.value.problems] == ["kept", "data"]
    assert "/subscriptions/1/kept" in refused.value.problems[0].value
    assert "pulumi state unprotect --all --stack prod" in refused.value.problems[0].action


def test_a_stack_without_protection_may_go() -> None:
    refuse_protected("prod", [{"urn": f"{URN}free", "type": "azure-native:keyvault:Vault", "protect": False}])
    refuse_protected("prod", [])
