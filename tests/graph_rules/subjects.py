"""What rules judge: resources by type, physical things by ARM id, and who owns what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sandbox.plugins.azure_native.types import TABLE
from tests.harness import Graph, Recorded

Rule = Callable[[Graph], list[str]]

TENANT_LABEL: Final = "ariel.dev/tenant"


class NothingToJudgeError(AssertionError):
    """The graph holds nothing that the rule is about, so it would pass whatever the program does."""


def some(graph: Graph, *types: str) -> list[Recorded]:
    """The resources of these types; at least one."""
    found = graph.of(*types)
    if not found:
        raise NothingToJudgeError(f"stack {graph.stack} has no {' or '.join(types)}")
    return found


def all_of(graph: Graph) -> tuple[Recorded, ...]:
    """Every resource; at least one."""
    if not graph.resources:
        raise NothingToJudgeError(f"stack {graph.stack} has no resources")
    return graph.resources


def azure(graph: Graph) -> list[Recorded]:
    """All Azure resources; at least one."""
    found = [each for each in graph.resources if each.type in TABLE]
    if not found:
        raise NothingToJudgeError(f"stack {graph.stack} has no Azure resource")
    return found


def kubernetes(graph: Graph) -> list[Recorded]:
    """All objects of the cluster, but for the release; at least one."""
    found = [
        each for each in graph.resources if each.type.startswith("kubernetes:") and not each.type.endswith(":Release")
    ]
    if not found:
        raise NothingToJudgeError(f"stack {graph.stack} has nothing in the cluster")
    return found


def environment_class(graph: Graph) -> str:
    """`sandbox`, `lower` or `higher`, as the tags of the resource groups say."""
    return str(some(graph, "resources:ResourceGroup")[0].inputs["tags"]["class"])


def slugs(graph: Graph) -> list[str]:
    """The tenants, by the labels of their namespaces; longest first, so that `a-b` is asked before `a`."""
    found = {each.inputs["metadata"].get("labels", {}).get(TENANT_LABEL) for each in graph.of("core/v1:Namespace")} - {
        None
    }
    return sorted(found, key=lambda slug: (-len(slug), slug))


def owner(graph: Graph, resource: Recorded) -> str | None:
    """The tenant in whose block the resource stands; None for the platform's.

    By logical names, its own and those of its components. That they tell the truth is proven by recording the stack
    without the tenant (`test_graph_rules_tenancy.py`).
    """
    names = [resource.name, *(above.name for above in graph.ancestors(resource))]
    for slug in slugs(graph):
        if any(name == slug or name.startswith(f"{slug}-") for name in names):
            return slug
    return None


def principals(graph: Graph) -> dict[str, Recorded]:
    """Object id -> the managed identity that has it."""
    return {each.outputs["principalId"]: each for each in some(graph, "managedidentity:UserAssignedIdentity")}


def strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in plain data with its path; keys of maps too, since a name may stand there."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), str(key)
            yield from strings(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from strings(inner, (*path, index))


def at(value: Any, *path: str | int) -> Any:
    """What stands at `path` in plain data; None where there is nothing."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def settings_of(resource: Recorded, wanted: dict[str, Any]) -> list[str]:
    """Dotted path -> value that must stand there; a line for each that does not."""
    return [
        f"{resource}: {path} is {at(resource.inputs, *path.split('.'))!r}, must be {value!r}"
        for path, value in wanted.items()
        if at(resource.inputs, *path.split(".")) != value
    ]
