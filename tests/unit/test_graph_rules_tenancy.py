"""What adding, removing and changing a tenant does to everybody else: nothing."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.errors import SettingsError
from stacks.load import load
from tests import recordings
from tests.graph_rules import names, roles, workloads
from tests.graph_rules.subjects import owner, slugs, strings
from tests.graph_rules.tenancy import added, changes_to_what_was_there
from tests.harness import Graph
from tests.recordings import NEWCOMER, STACKS

STACK = "prod"
"""The stack of the comparisons: the class in which most is switched on."""


GROWING = ("prod", "local")
"""The stacks to which a tenant is added: the class in which most is switched on, and the one people try."""


@pytest.fixture(scope="module")
def removal() -> tuple[str, Graph]:
    """(slug, the stack without that tenant): the first of the file, so that all others would move up in a list."""
    slug = next(iter(recordings.raw_settings(STACK)["tenants"]))
    return slug, recordings.record_settings(STACK, recordings.without_tenant(STACK, slug))


@pytest.fixture(scope="module")
def again() -> Graph:
    """Stack `local`, recorded a second time."""
    return recordings.record_settings("local", recordings.raw_settings("local"))


@pytest.mark.parametrize("stack", GROWING)
def test_a_new_tenant_changes_nothing_that_was_there(stack: str) -> None:
    before, after = recordings.graph_of(stack), recordings.graph_with_newcomer(stack)
    assert len(added(before, after)) > 30
    assert changes_to_what_was_there(before, after) == []


@pytest.mark.parametrize("stack", GROWING)
def test_all_that_a_new_tenant_brings_is_its_own(stack: str) -> None:
    """Also proves that rules know a tenant's things by their names."""
    before, after = recordings.graph_of(stack), recordings.graph_with_newcomer(stack)
    brought = {each.urn for each in added(before, after)}
    named = {each.urn for each in after.resources if owner(after, each) == NEWCOMER}
    assert brought == named


def test_the_removal_of_a_tenant_renames_and_changes_no_other(removal: tuple[str, Graph]) -> None:
    slug, without = removal
    whole = recordings.graph_of(STACK)
    assert changes_to_what_was_there(without, whole) == []
    gone = added(without, whole)
    assert len(gone) > 30
    assert {owner(whole, each) for each in gone} == {slug}


def test_a_removed_tenant_leaves_no_trace_in_what_stays(removal: tuple[str, Graph]) -> None:
    slug, without = removal
    traces = [
        f"{each}: {'.'.join(map(str, path))} says {text!r}"
        for each in without.resources
        for path, text in strings([each.name, dict(each.inputs)])
        if slug in text
    ]
    assert traces == []


@pytest.mark.parametrize("stack", STACKS)
def test_no_shared_resource_knows_the_list_of_tenants(stack: str) -> None:
    """A shared resource that names a tenant is changed, and perhaps restarted, by the next tenant."""
    graph = recordings.graph_of(stack)
    shared = [each for each in graph.resources if owner(graph, each) is None]
    assert len(shared) > 100
    named = [
        f"{each}: {'.'.join(map(str, path))} names {slug}"
        for each in shared
        for path, text in strings([each.name, dict(each.inputs), dict(each.component_outputs)])
        for slug in slugs(graph)
        if slug in text
    ]
    assert named == []


def test_a_stack_without_tenants_can_be_built() -> None:
    """The first `up` of an environment comes before its first tenant."""
    raw: dict[str, Any] = {**recordings.raw_settings(STACK), "tenants": {}}
    empty = recordings.record_settings(STACK, raw)
    assert slugs(empty) == []
    assert changes_to_what_was_there(empty, recordings.graph_of(STACK)) == []


def test_a_changed_quota_touches_the_quota_and_the_registry_only() -> None:
    raw = recordings.raw_settings("local")
    raw["tenants"]["weather"]["quota"]["pods"] = 7
    lines = changes_to_what_was_there(recordings.graph_of("local"), recordings.record_settings("local", raw))
    touched = {line.split(": ")[0].rpartition(":")[2] for line in lines}
    assert touched == {"ResourceQuota weather-namespaces", "ConfigMap weather-registry"}, lines


def test_a_new_application_touches_the_registry_and_the_triggerer_of_its_tenant_only() -> None:
    raw = recordings.raw_settings("local")
    raw["tenants"]["weather"]["applications"] = {"partner": {"clientId": "66666666-6666-4666-8666-66666666660a"}}
    lines = changes_to_what_was_there(recordings.graph_of("local"), recordings.record_settings("local", raw))
    touched = {line.split(": ")[0].rpartition(":")[2] for line in lines}
    assert touched == {"Deployment weather-triggerer", "ConfigMap weather-registry"}, lines


HOSTILE: dict[str, dict[str, Any]] = {
    "a group named like a purpose of the other tenant": {
        "abc": recordings.tenant(identities={"triggerer": {}}),
        "abc-task": recordings.tenant(),
    },
    "slugs that are beginnings of each other": {
        "klm": recordings.tenant(),
        "klm-n": recordings.tenant(),
        "klm-n-o": recordings.tenant(),
    },
    "slugs that end as the purposes of another do": {
        "xyz": recordings.tenant(identities={"task": {}}),
        "xyz-logs": recordings.tenant(),
        "xyz-vault": recordings.tenant(),
        "xyz-registry": recordings.tenant(),
    },
    "the longest slugs, alike in the first nineteen characters": {
        "abcdefghij-klmnopqrs": recordings.tenant(identities={"abcdefghijabcdefghij": {}}),
        "abcdefghij-klmnopqrt": recordings.tenant(identities={"abcdefghijabcdefghij": {}}),
    },
    "slugs that differ by a hyphen only": {"uvwx": recordings.tenant(), "uv-wx": recordings.tenant()},
    **{
        f"a tenant named like a part of the platform: {slug}": {slug: recordings.tenant()}
        for slug in ("platform", "network", "cluster", "identity", "registry", "database", "logs", "task", "trust-lab")
    },
}

RULES = (
    names.physical_names_are_legal,
    names.no_two_resources_are_one_in_azure,
    names.names_in_the_cluster_are_legal,
    names.no_two_objects_are_one_in_the_cluster,
    roles.no_two_assignments_say_the_same,
    workloads.a_processor_parses_one_tenants_bundle,
)


def refused(raw: dict[str, Any]) -> bool:
    try:
        load("dev", raw)
    except SettingsError:
        return True
    return False


def test_hostile_slugs_are_refused_or_named_apart() -> None:
    """The recording itself refuses two resources of one type and logical name.

    All that the settings allow stand in one stack.
    """
    allowed = {case: block for case, block in HOSTILE.items() if not refused(recordings.with_tenants("dev", block))}
    together = {slug: tenant for block in allowed.values() for slug, tenant in block.items()}
    raw = recordings.with_tenants("dev", together)
    graph = recordings.record_settings("dev", raw)
    assert len(slugs(graph)) > 8
    assert set(slugs(graph)) == set(raw["tenants"])
    offenders = [line for rule in RULES for line in rule(graph)]
    assert not offenders, "\n".join(offenders)


def test_no_two_stacks_share_a_name_that_is_global_in_azure() -> None:
    found = [names.physical_name(each) for stack in STACKS for each in recordings.graph_of(stack).of(*names.GLOBAL)]
    assert len(found) >= 15
    assert len(set(found)) == len(found), sorted(found)


def test_role_assignments_have_the_same_names_in_every_run_and_others_in_every_stack(again: Graph) -> None:
    """A name that changes makes a second assignment, which Azure refuses; a shared one is taken over."""

    def guids(graph: Graph) -> dict[str, str]:
        return {each.name: each.inputs["roleAssignmentName"] for each in graph.of("authorization:RoleAssignment")}

    first = {stack: guids(recordings.graph_of(stack)) for stack in STACKS}
    assert first["local"] == guids(again)
    everything = [guid for stack in STACKS for guid in first[stack].values()]
    assert len(everything) > 30
    assert len(set(everything)) == len(everything)


def test_a_second_run_records_the_same_graph(again: Graph) -> None:
    """Anything that differs would be a change in every `up`."""
    assert changes_to_what_was_there(recordings.graph_of("local"), again) == []
    assert added(recordings.graph_of("local"), again) == []


def test_a_preview_plans_what_an_up_makes() -> None:
    """A resource made inside an `apply` is missing in a first plan."""
    planned, made = recordings.graph_of(STACK, preview=True), recordings.graph_of(STACK)
    assert {each.urn for each in planned.resources} == {each.urn for each in made.resources}
