"""What the emulated Azure is given beside what the program makes."""

from __future__ import annotations

from sandbox.landscape import assumed
from sandbox.paths import REPOSITORY
from stacks.load import load, read_file
from stacks.roles import CUSTOM, VAULT_WRITER


def _ids(stack: str) -> list[str]:
    return [other.id for other in assumed(load(stack, read_file(REPOSITORY / f"Pulumi.{stack}.yaml")))]


def test_a_hub_that_belongs_to_others_stands_before_the_peering() -> None:
    ids = _ids("prod")
    hub = next(place for place, resource_id in enumerate(ids) if resource_id.endswith("/virtualNetworks/vnet-hub"))
    assert ids[hub - 1].endswith("/resourceGroups/rg-hub")


def test_a_granted_storage_account_stands_before_the_role_on_it() -> None:
    assert [resource_id for resource_id in _ids("dev") if "/storageAccounts/" in resource_id]


def test_a_stack_that_names_nothing_of_others_has_the_role_that_no_program_defines() -> None:
    (role,) = assumed(load("local", read_file(REPOSITORY / "Pulumi.local.yaml")))
    properties = role.body["properties"]
    assert role.id.endswith(f"/roleDefinitions/{CUSTOM[VAULT_WRITER]}")
    assert properties["roleName"] == VAULT_WRITER
    assert [{key: value for key, value in block.items() if value} for block in properties["permissions"]] == [
        {"dataActions": ["Microsoft.KeyVault/vaults/secrets/setSecret/action"]}
    ]
