"""The bare program: the same resources as ours, of the same classes with the same inputs, but flat and without logic.

It is made from the state that ours has left: every resource that a provider makes becomes one constructor call with
literal inputs, and every component an empty one, so that both programs have as many resources. No settings, no naming,
no parents, no exports. Kept are the order (a resource waits for those that
ours waits for) and the ids that Azure hands out (a role assignment needs the principal which this run has made).
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azure_native as azure_native
import pulumi_kubernetes as kubernetes

SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key by which Pulumi's states mark a special value
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLUSTER = "azure-native:containerservice:ManagedCluster"

State = Sequence[Mapping[str, Any]]
Place = tuple[str, tuple[str | int, ...]]
"""URN of a resource, and where in its outputs a value stands."""


def of_the_program(state: State) -> list[Mapping[str, Any]]:
    """The resources that ours declares; not the stack itself, nor the providers."""
    return [each for each in state if not each["type"].startswith("pulumi:")]


def bare_program(state: State, subscription: str, tenant: str, kubeconfig: Path) -> Callable[[], None]:
    resources = of_the_program(state)
    # The first to show an id is the one that has it; others repeat it.
    handed_out = {value: place for each in reversed(resources) for value, place in _handed_out(each)}

    def bare() -> None:
        azure = azure_native.Provider("azure", subscription_id=subscription, tenant_id=tenant)
        providers: dict[str, pulumi.ProviderResource | None] = {"azure-native": azure, "random": None}
        made: dict[str, Any] = {}
        for each in resources:
            name = f"{each['urn'].rsplit('::', 1)[-1]}-{each['type'].rsplit(':', 1)[-1].lower()}"
            if not each["custom"]:
                pulumi.ComponentResource("bare:index:Empty", name).register_outputs({})
                continue
            package = each["type"].partition(":")[0]
            before = [made[urn] for urn in each.get("dependencies") or [] if urn in made]
            opts = pulumi.ResourceOptions(provider=providers[package], depends_on=before)
            cls = _class_of(each["type"])
            made[each["urn"]] = cls(name, **_arguments(cls, _literal(each["inputs"], handed_out, made)), opts=opts)
            if each["type"] == CLUSTER:
                providers["kubernetes"] = _cluster_provider(made[each["urn"]], kubeconfig)

    return bare


def _cluster_provider(cluster: Any, kubeconfig: Path) -> kubernetes.Provider:
    """Bound to the cluster only once Azure has made it, as ours is."""
    return kubernetes.Provider(
        "cluster",
        kubeconfig=cluster.id.apply(lambda _: kubeconfig.read_text()),
        cluster_identifier="bare",
        enable_server_side_apply=True,
    )


def _class_of(token: str) -> type:
    """`kubernetes:rbac.authorization.k8s.io/v1:Role` -> the class of the published SDK."""
    package, module, name = token.split(":")
    if package == "kubernetes":
        group, version = module.split("/")
        path = f"pulumi_kubernetes.{group.partition('.')[0]}.{version}"
    elif package == "azure-native":
        path = f"pulumi_azure_native.{module}"
    else:
        path = f"pulumi_{package}"
    found: type = getattr(importlib.import_module(path), name)
    return found


def _arguments(cls: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by the names of the constructor's parameters (`resourceName` is `resource_name_` in Python)."""
    parameters = {_plain(name): name for name in inspect.signature(cls._internal_init).parameters}
    return {parameters[_plain(key)]: value for key, value in inputs.items() if not key.startswith("__")}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _literal(value: Any, handed_out: Mapping[str, Place], made: Mapping[str, Any]) -> Any:
    """An input as a program would write it."""
    if isinstance(value, Mapping) and SECRET in value:
        return pulumi.Output.secret(json.loads(value["plaintext"]))
    if isinstance(value, Mapping):
        return {key: _literal(each, handed_out, made) for key, each in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [_literal(each, handed_out, made) for each in value]
    place = handed_out.get(value) if isinstance(value, str) else None
    return value if place is None or place[0] not in made else _output(made[place[0]], place[1])


def _output(resource: Any, path: tuple[str | int, ...]) -> pulumi.Output[Any]:
    first = next(name for name in dir(resource) if _plain(name) == _plain(str(path[0])))

    def walk(value: Any) -> Any:
        for key in path[1:]:
            value = getattr(value, _snake(str(key)), None) if hasattr(value, _snake(str(key))) else value[key]
        return value

    found: pulumi.Output[Any] = getattr(resource, first).apply(walk)
    return found


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _handed_out(resource: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    """The ids that Azure has made up for a resource, with their places in its outputs."""
    if resource["type"].startswith("azure-native:"):
        given = json.dumps(resource.get("inputs") or {})
        for path, value in _leaves(resource.get("outputs") or {}):
            if GUID.fullmatch(value) and value not in given:
                yield value, (resource["urn"], path)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    elif isinstance(value, str):
        yield path, value
