"""A slug that would be deleted and made anew under another name is refused; everything else passes."""

from __future__ import annotations

from typing import Any

import pytest

from cli.renames import refuse_renames
from sandbox.paths import REPOSITORY
from stacks import load
from stacks.errors import SettingsError
from stacks.tenant import Tenant


@pytest.fixture
def tenants() -> dict[str, Tenant]:
    """The two tenants of the shipped local stack."""
    return dict(load.load("local", load.read_file(REPOSITORY / "Pulumi.local.yaml")).tenants)


def deployed(tenants: dict[str, Tenant]) -> dict[str, Any]:
    """What the stack exports of them."""
    return {slug: {"groupId": one.group_id, "repository": one.repository.url} for slug, one in tenants.items()}


def test_another_slug_for_the_same_team_is_refused_with_what_would_be_lost(tenants: dict[str, Tenant]) -> None:
    before = deployed(tenants)
    tenants["climate"] = tenants.pop("weather")
    with pytest.raises(SettingsError) as refused:
        refuse_renames(before, tenants)
    (problem,) = refused.value.problems
    assert problem.path == "tenants.climate"
    assert "groupId and repository of weather" in problem.value
    assert "weather would be deleted" in problem.rule
    assert problem.action.startswith("write weather again")


@pytest.mark.parametrize("same", ["groupId", "repository"])
def test_the_same_group_or_the_same_repository_is_enough(tenants: dict[str, Tenant], same: str) -> None:
    before = deployed(tenants)
    for other in {"groupId", "repository"} - {same}:
        before["weather"][other] = "another"
    tenants["climate"] = tenants.pop("weather")
    with pytest.raises(SettingsError, match=f"with the {same} of weather"):
        refuse_renames(before, tenants)


def test_every_renamed_slug_is_reported(tenants: dict[str, Tenant]) -> None:
    renamed = {f"new-{slug}": tenant for slug, tenant in tenants.items()}
    with pytest.raises(SettingsError) as refused:
        refuse_renames(deployed(tenants), renamed)
    assert [problem.path for problem in refused.value.problems] == ["tenants.new-weather", "tenants.new-mobility"]


def test_one_team_that_leaves_while_another_comes_is_no_rename(tenants: dict[str, Tenant]) -> None:
    before = deployed({"weather": tenants.pop("weather")})
    refuse_renames(before, tenants)


def test_a_team_that_gets_a_second_slug_or_gives_one_up_is_no_rename(tenants: dict[str, Tenant]) -> None:
    more = {**tenants, "climate": tenants["weather"]}
    refuse_renames(deployed(tenants), more)
    refuse_renames(deployed(more), tenants)
    refuse_renames({}, tenants)
