"""The recording harness sees what an engine would see, and ends a recording that an engine would end."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pulumi_random as random
import pytest
from pulumi_azure_native import containerservice, keyvault, managedidentity, resources

from tests.harness import UNKNOWN, RecordingError, record


def group(name: str = "group", **options: object) -> resources.ResourceGroup:
    opts = pulumi.ResourceOptions(**options)  # type: ignore[arg-type]
    return resources.ResourceGroup(name, resource_group_name=f"rg-{name}", location="westeurope", opts=opts)


def identity(parent: resources.ResourceGroup) -> managedidentity.UserAssignedIdentity:
    return managedidentity.UserAssignedIdentity(
        "one", resource_name_="id-one", resource_group_name=parent.name, location="westeurope"
    )


def test_options_that_mocks_hide_are_recorded() -> None:
    def program() -> None:
        first = group("first", protect=True)
        group("second", retain_on_delete=True, depends_on=[first], ignore_changes=["tags"], delete_before_replace=True)

    graph = record(program)
    first, second = graph.one("resources:ResourceGroup", "first"), graph.one("resources:ResourceGroup", "second")
    assert (first.protect, first.retain_on_delete) == (True, False)
    assert (second.protect, second.retain_on_delete, second.delete_before_replace) == (False, True, True)
    assert second.ignore_changes == ("tags",)
    assert second.depends_on == {first.urn}


def test_an_arm_id_is_made_of_the_names_that_the_program_gives() -> None:
    graph = record(lambda: identity(group()))
    made = graph.one("managedidentity:UserAssignedIdentity", "one")
    assert made.id.endswith(
        "/resourceGroups/rg-group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one"
    )
    assert made.depends_on == {graph.one("resources:ResourceGroup", "group").urn}


def test_a_second_resource_of_the_same_name_is_refused() -> None:
    def program() -> None:
        group()
        group()

    with pytest.raises(RecordingError, match="two resources"):
        record(program)


def test_a_name_that_the_provider_would_invent_is_refused() -> None:
    with pytest.raises(RecordingError, match="resourceGroupName not given"):
        record(lambda: resources.ResourceGroup("group", location="westeurope"))


def test_a_call_that_nobody_answers_is_refused() -> None:
    def program() -> None:
        containerservice.get_managed_cluster_output(resource_group_name="rg", resource_name="aks")

    with pytest.raises(RecordingError, match="getManagedCluster: not answered"):
        record(program)


@pytest.mark.parametrize("preview", [False, True])
def test_an_error_in_an_apply_that_nobody_waits_for_ends_the_recording(preview: bool) -> None:
    def program() -> None:
        group().location.apply(lambda place: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        record(program, preview=preview)


def test_an_error_of_the_program_ends_the_recording() -> None:
    def program() -> None:
        group()
        raise LookupError("no such tenant")

    with pytest.raises(LookupError, match="no such tenant"):
        record(program)


def test_what_an_apply_makes_is_drained_before_the_graph_is_given_back() -> None:
    def program() -> None:
        group().name.apply(lambda name: group(f"late-{name}").name.apply(lambda later: group(f"latest-{later}")))

    names = [each.name for each in record(program).resources]
    assert names == ["group", "late-rg-group", "latest-rg-late-rg-group"]


def test_a_preview_knows_nothing_that_only_azure_knows() -> None:
    def program() -> None:
        one = identity(group())
        pulumi.export("principal", one.principal_id)
        pulumi.export("name", one.name)

    planned, made = record(program, preview=True), record(program)
    assert planned.outputs["principal"] == UNKNOWN
    assert len(made.outputs["principal"]) == 36


def test_secrets_keep_their_mark_through_resources_and_outputs() -> None:
    def program() -> None:
        password = random.RandomPassword("login", length=20)
        keyvault.Secret(
            "secret",
            vault_name="kv-one",
            secret_name="one",  # noqa: S106 - a name
            resource_group_name="rg-one",
            properties=keyvault.SecretPropertiesArgs(value=pulumi.Output.concat("x", password.result)),
        )
        pulumi.export("hidden", password.result)
        pulumi.export("plain", pulumi.Output.unsecret(password.result))

    graph = record(program)
    secret = graph.one("keyvault:Secret", "secret")
    assert secret.is_secret("properties", "value")
    assert not secret.is_secret("secretName")
    assert secret.inputs["properties"]["value"].startswith("x")
    assert graph.secret_outputs == {("hidden",)}
    assert graph.outputs["plain"] == graph.outputs["hidden"]


def test_children_carry_the_whole_chain_of_types_in_their_urn() -> None:
    def program() -> None:
        outer = pulumi.ComponentResource("ariel:test:Outer", "outer")
        inner = pulumi.ComponentResource("ariel:test:Inner", "inner", opts=pulumi.ResourceOptions(parent=outer))
        group(parent=inner)
        inner.register_outputs({"answer": 42})

    graph = record(program, stack="dev")
    made = graph.one("resources:ResourceGroup", "group")
    chain = "ariel:test:Outer$ariel:test:Inner$azure-native:resources:ResourceGroup"
    assert made.urn == f"urn:pulumi:dev::ariel::{chain}::group"
    assert [each.name for each in graph.ancestors(made)] == ["inner", "outer"]
    assert graph.one("test:Inner", "inner").component_outputs == {"answer": 42}


def test_recordings_share_nothing() -> None:
    """Stack, settings and resources of one recording must not turn up in the next, nor those of a failed one."""

    def program(name: str) -> Callable[[], None]:
        def run() -> None:
            group(name)
            pulumi.export("stack", pulumi.get_stack())
            pulumi.export("setting", pulumi.Config("ariel").get(name))

        return run

    first = record(program("one"), stack="a", config={"ariel:one": "1"})
    with pytest.raises(ZeroDivisionError):
        record(lambda: group("broken").name.apply(lambda _: 1 / 0), stack="b")
    second = record(program("two"), stack="c", config={"ariel:three": "3"})
    assert [each.name for each in first.resources] == ["one"]
    assert first.outputs == {"stack": "a", "setting": "1"}
    assert [each.name for each in second.resources] == ["two"]
    assert second.outputs == {"stack": "c"}
