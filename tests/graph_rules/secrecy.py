"""Secrecy: no secret value stands where the state, an output, a plan or a log shows it."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import quote

from tests.graph_rules.subjects import NothingToJudgeError, Rule, some, strings
from tests.harness import Graph

SHORTEST: Final = 12
"""Characters; shorter texts turn up by chance."""


def secret_values(graph: Graph) -> dict[str, str]:
    """Secret text, in each form in which it may travel -> where it comes from."""
    found: dict[str, str] = {}
    for each in some(graph, "random:index/randomPassword:RandomPassword", "random:index/randomBytes:RandomBytes"):
        for output in ("result", "base64", "hex"):
            if value := each.outputs.get(output):
                urlsafe = value.replace("+", "-").replace("/", "_")
                for form in {value, urlsafe, quote(value, safe=""), base64.b64encode(value.encode()).decode()}:
                    found[form] = f"{each.name}.{output}"
    if not found:
        raise NothingToJudgeError(f"stack {graph.stack} makes no secret")
    return found


def no_secret_stands_in_a_plain_input(graph: Graph) -> list[str]:
    """It would stand readable in the state and in every plan."""
    secrets = secret_values(graph)
    return [
        f"{each}: {'.'.join(map(str, path))} holds {origin}"
        for each in graph.resources
        for path, text in strings(each.inputs)
        if not each.is_secret(*path)
        for value, origin in secrets.items()
        if value in text
    ]


def no_secret_stands_in_a_plain_output(graph: Graph) -> list[str]:
    """Everybody who may read the stack's outputs, pipelines' logs included, would have it."""
    secrets = secret_values(graph)
    places = [("stack", graph.outputs, graph.secret_outputs)]
    places += [(str(each), each.component_outputs, each.secret_component_outputs) for each in graph.resources]
    return [
        f"{place}: output {'.'.join(map(str, path))} holds {origin}"
        for place, outputs, hidden in places
        for path, text in strings(outputs)
        if not any(path[:length] in hidden for length in range(len(path) + 1))
        for value, origin in secrets.items()
        if value in text
    ]


def no_stack_output_is_secret(graph: Graph) -> list[str]:
    """Whoever needs a secret reads it where it is used; an output would put a copy in reach of every reader."""
    if not graph.outputs:
        raise NothingToJudgeError(f"stack {graph.stack} exports nothing")
    return [f"output {'.'.join(map(str, path))}" for path in sorted(graph.secret_outputs, key=str)]


def all_data_of_secrets_is_marked_secret(graph: Graph) -> list[str]:
    """Only what is marked is encrypted in the state."""
    return [
        f"{each}: {field}.{key} is plain"
        for each in some(graph, "core/v1:Secret")
        for field in ("data", "stringData")
        for key in each.inputs.get(field) or {}
        if not each.is_secret(field, key)
    ]


def the_clusters_credentials_are_marked_secret(graph: Graph) -> list[str]:
    """The kubeconfig opens the whole cluster."""
    return [
        f"{each}: kubeconfig is plain"
        for each in some(graph, "pulumi:providers:kubernetes")
        if not each.is_secret("kubeconfig")
    ]


RULES: Final[tuple[Rule, ...]] = (
    no_secret_stands_in_a_plain_input,
    no_secret_stands_in_a_plain_output,
    no_stack_output_is_secret,
    all_data_of_secrets_is_marked_secret,
    the_clusters_credentials_are_marked_secret,
)
