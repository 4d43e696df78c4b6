"""Tenancy, by comparing recordings: what one tenant's coming or going does to everything else."""

from __future__ import annotations

from typing import Any

from tests.harness import Graph, Recorded

Key = tuple[str, str]


def by_key(graph: Graph) -> dict[Key, Recorded]:
    """(type, logical name) -> resource; the engine's identity of it, but for its parents."""
    return {(each.type, each.name): each for each in graph.resources}


def facts(resource: Recorded) -> dict[str, Any]:
    """All of a resource that the engine compares."""
    return {
        "urn": resource.urn,
        "id": resource.id,
        "inputs": resource.inputs,
        "secrets": sorted(resource.secrets, key=str),
        "parent": resource.parent,
        "provider": resource.provider,
        "depends_on": sorted(resource.depends_on),
        "protect": resource.protect,
        "retain_on_delete": resource.retain_on_delete,
        "component_outputs": resource.component_outputs,
    }


def changes_to_what_was_there(before: Graph, after: Graph) -> list[str]:
    """Whatever stands in both recordings and is not the same to the last byte; and what of `before` is gone."""
    later = by_key(after)
    offenders = []
    for key, resource in by_key(before).items():
        if key not in later:
            offenders.append(f"{resource}: gone or renamed")
            continue
        old, new = facts(resource), facts(later[key])
        offenders += [
            f"{resource}: {name}: {old[name]!r} became {new[name]!r}" for name in old if old[name] != new[name]
        ]
    return offenders


def added(before: Graph, after: Graph) -> list[Recorded]:
    known = by_key(before)
    return [resource for key, resource in by_key(after).items() if key not in known]
