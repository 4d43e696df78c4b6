"""What the emulated Azure is given beside what the program makes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from cli.session import Session
from sandbox.landscape import Assumed, assumed, registrations
from sandbox.lifecycle import Sandbox
from sandbox.paths import REPOSITORY
from stacks.load import load, read_file
from stacks.roles import CUSTOM, VAULT_WRITER
from tests.unit.stacks.samples import GUID, raw

ISSUER = "https://oidc.test/"
CLIENT, OTHER = GUID.replace("1", "a"), GUID.replace("1", "b")


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


def _registered(applications: dict[str, dict[str, Any]]) -> list[Assumed]:
    """Tenant -> its applications."""
    changes = {f"tenants.{slug}.applications": each for slug, each in applications.items()}
    return list(registrations(load("dev", raw("lower", changes)), ISSUER))


def test_a_federated_application_trusts_the_tasks_of_the_tenant_that_names_it() -> None:
    (found,) = _registered({"mobility": {"partner": {"clientId": CLIENT.upper()}}})
    assert found.id == f"/_sandbox/applications/{CLIENT}"
    credential = {
        "issuer": ISSUER,
        "subject": "system:serviceaccount:tasks-mobility:task",
        "audiences": ["api://AzureADTokenExchange"],
    }
    assert found.body == {"federatedCredentials": [credential]}


def test_an_application_that_two_tenants_name_trusts_both() -> None:
    both = {slug: {"one": {"clientId": CLIENT}, "two": {"clientId": CLIENT}} for slug in ("mobility", "weather")}
    (found,) = _registered(both)
    subjects = [each["subject"] for each in found.body["federatedCredentials"]]
    assert sorted(subjects) == [f"system:serviceaccount:tasks-{slug}:task" for slug in ("mobility", "weather")]


def test_what_only_its_owner_could_register_is_left_to_its_owner() -> None:
    left = {"by-certificate": {"clientId": CLIENT, "certificate": "x"}, "far": {"clientId": OTHER, "tenantId": OTHER}}
    assert _registered({"mobility": left}) == []
    assert _registered({}) == []


class Azure:
    """What `ariel` asks of Azure, over what stands already."""

    def __init__(self, *standing: str) -> None:
        self.standing, self.put_there = standing, dict[str, dict[str, Any]]()

    def find(self, resource_id: str, _: str) -> dict[str, Any] | None:
        return {} if resource_id in self.standing else None

    def put(self, resource_id: str, _: str, body: dict[str, Any]) -> None:
        self.put_there[resource_id] = body


def test_an_application_stands_before_the_first_up_and_is_its_owners_from_then_on(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "Pulumi.local.yaml", tmp_path)
    place = "/_sandbox/applications/55555555-5555-4555-8555-555555555501"
    for azure, expected in ((Azure(), True), (Azure(place), False)):
        session = Session(tmp_path, "local")
        session.__dict__["_azure"] = azure
        session._assume_others()
        assert (place in azure.put_there) is expected
        if expected:
            (credential,) = azure.put_there[place]["federatedCredentials"]
            assert credential["issuer"] == Sandbox(tmp_path, "local").cluster().issuer
