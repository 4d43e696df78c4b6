"""Role assignments decide, at the scope where they stand and below, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.arm.paths import parse
from sandbox.arm.world import World
from sandbox.blob.operations import DELETE, READ, READ_CONTAINERS, WRITE
from sandbox.data_actions import allowed
from stacks.roles import BUILT_IN
from tests.engine.arm.cloud import GROUP, SUBSCRIPTION, Cloud, running
from tests.engine.arm.examples import HERE, assignment, grant
from tests.unit.sandbox.blob.places import ACCOUNT, container

PRINCIPAL, OTHER = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
READER, CONTRIBUTOR = BUILT_IN["Storage Blob Data Reader"], BUILT_IN["Storage Blob Data Contributor"]
CUSTOM = "bbbbbbbb-0000-4000-8000-000000000001"
May = Callable[..., bool]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with running(tmp_path) as cloud:
        cloud.made(GROUP, HERE)
        cloud.made(ACCOUNT, {**HERE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}})
        for name in ("weather", "mobility"):
            cloud.made(container(name), {"properties": {}})
        yield cloud


@pytest.fixture
def may(cloud: Cloud) -> May:
    """Asks for `PRINCIPAL` on the container of that name."""
    world: World = cloud.client.app.state.service.world  # type: ignore[attr-defined]

    def ask(permission: str, name: str = "weather", principal: str = PRINCIPAL) -> bool:
        return allowed(world, principal, permission, parse(container(name)), data=permission != READ_CONTAINERS)

    return ask


def test_without_an_assignment_nobody_may_anything(may: May) -> None:
    assert not any(may(permission) for permission in (READ, WRITE, DELETE, READ_CONTAINERS))


def test_a_contributor_of_one_container_has_no_right_on_another(cloud: Cloud, may: May) -> None:
    cloud.made(assignment(container("weather"), 1), grant(PRINCIPAL, CONTRIBUTOR))
    assert all(may(permission) for permission in (READ, WRITE, DELETE, READ_CONTAINERS))
    assert not any(may(permission, "mobility") for permission in (READ, WRITE, DELETE, READ_CONTAINERS))
    assert not may(READ, principal=OTHER)


@pytest.mark.parametrize("scope", [container("weather"), ACCOUNT, GROUP, SUBSCRIPTION])
def test_a_role_counts_at_its_scope_and_below(cloud: Cloud, may: May, scope: str) -> None:
    cloud.made(assignment(scope, 1), grant(PRINCIPAL, READER))
    assert (may(READ), may(WRITE), may(DELETE)) == (True, False, False)
    assert may(READ, "mobility") is (scope != container("weather"))


def test_the_owner_of_the_subscription_reads_no_blob(cloud: Cloud, may: May) -> None:
    """Actions are not data actions: who manages the account does not thereby read the tenants' logs."""
    cloud.made(assignment(SUBSCRIPTION, 1), grant(PRINCIPAL, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"))
    assert may(READ_CONTAINERS)
    assert not may(READ)


def test_what_a_role_excludes_is_not_given(cloud: Cloud, may: May) -> None:
    block = {"actions": [], "notActions": [], "dataActions": ["Microsoft.Storage/*"], "notDataActions": [DELETE]}
    properties = {"roleName": "no delete", "permissions": [block], "assignableScopes": [SUBSCRIPTION]}
    cloud.made(f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}", {"properties": properties})
    cloud.made(assignment(ACCOUNT, 1), grant(PRINCIPAL, CUSTOM))
    assert (may(READ), may(WRITE), may(DELETE)) == (True, True, False)


def test_an_assignment_with_a_condition_gives_nothing(cloud: Cloud, may: May) -> None:
    body: dict[str, Any] = grant(PRINCIPAL, READER)
    body["properties"] |= {"condition": "@Resource[name] StringEquals 'x'", "conditionVersion": "2.0"}
    cloud.made(assignment(ACCOUNT, 1), body)
    assert not may(READ)
