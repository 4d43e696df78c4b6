"""Small changes to a recorded graph, each a mistake that a rule must find."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.graph_rules.subjects import at, some
from tests.harness import Graph, Recorded

Sabotage = Callable[[Graph], Graph]


def victim(graph: Graph, kind: str, name: str | None) -> Recorded:
    """The resource of that type with that logical name; without a name the first."""
    return some(graph, kind)[0] if name is None else graph.one(kind, name)


def exchange(graph: Graph, old: Recorded, new: Recorded) -> Graph:
    return replace(graph, resources=tuple(new if each is old else each for each in graph.resources))


def put(kind: str, path: str, value: Any, name: str | None = None) -> Sabotage:
    """Writes `value` at the dotted path of the inputs; digits are positions in a list. None takes it away."""

    def apply(graph: Graph) -> Graph:
        old = victim(graph, kind, name)
        inputs = copy.deepcopy(dict(old.inputs))
        *above, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        at(inputs, *above)[last] = value
        return exchange(graph, old, replace(old, inputs=inputs))

    return apply


def option(kind: str, logical_name: str | None = None, /, **fields: Any) -> Sabotage:
    """Sets fields of the record itself: `protect`, `depends_on`, `secrets`, `name`."""

    def apply(graph: Graph) -> Graph:
        old = victim(graph, kind, logical_name)
        return exchange(graph, old, replace(old, **fields))

    return apply


def without(kind: str, name: str | None = None) -> Sabotage:
    def apply(graph: Graph) -> Graph:
        old = victim(graph, kind, name)
        return replace(graph, resources=tuple(each for each in graph.resources if each is not old))

    return apply


def again(kind: str, name: str | None = None, **fields: Any) -> Sabotage:
    """The same thing a second time, under another logical name."""

    def apply(graph: Graph) -> Graph:
        old = victim(graph, kind, name)
        twin = replace(old, name=f"{old.name}-twin", urn=f"{old.urn}-twin", **fields)
        return replace(graph, resources=(*graph.resources, twin))

    return apply


def unordered(kind: str) -> Sabotage:
    """Takes all dependencies from the resources of a type, so that the engine makes them at the same time."""

    def apply(graph: Graph) -> Graph:
        hit = set(map(id, some(graph, kind)))
        freed = (replace(each, depends_on=frozenset()) if id(each) in hit else each for each in graph.resources)
        return replace(graph, resources=tuple(freed))

    return apply


def container(path: str, value: Any, deployment: str = "pgbouncer") -> Sabotage:
    """Writes into the first container of a Deployment."""
    return put("apps/v1:Deployment", f"spec/template/spec/containers/0/{path}", value, deployment)


def output(value: Any, *, secret: bool = False) -> Sabotage:
    """Exports `value` of a graph under the name `leak`."""

    def apply(graph: Graph) -> Graph:
        found = value(graph)
        hidden = graph.secret_outputs | ({("leak",)} if secret else set())
        return replace(graph, outputs={**graph.outputs, "leak": found}, secret_outputs=frozenset(hidden))

    return apply
