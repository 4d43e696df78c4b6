"""Shape: what makes a resource, where it stands, and what it must come after in the cluster."""

from __future__ import annotations

import re
from typing import Final

from tests.graph_rules.subjects import NothingToJudgeError, Rule, all_of, azure, kubernetes, some
from tests.harness import Graph, Recorded

_TOKEN: Final = re.compile(r"ariel:(components|infra):[A-Z][A-Za-z]+")
_CLUSTER_WIDE: Final = (
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def nothing_is_made_by_an_ambient_provider(graph: Graph) -> list[str]:
    """The default provider takes the subscription or the cluster of whoever runs the program."""
    known = graph.by_urn()
    offenders = []
    for each in [*azure(graph), *kubernetes(graph), *some(graph, "helm.sh/v3:Release")]:
        package = each.type.partition(":")[0]
        provider = known.get(each.provider or "")
        if provider is None or provider.type != f"pulumi:providers:{package}":
            offenders.append(f"{each}: made by {each.provider}")
    return offenders


def every_resource_stands_in_a_component(graph: Graph) -> list[str]:
    """At the top level it is the detail of nobody, and its name is everybody's."""
    known = graph.by_urn()
    offenders = []
    for each in all_of(graph):
        above = known.get(each.parent or "")
        if each.custom and not each.type.startswith("pulumi:providers:") and (above is None or above.custom):
            offenders.append(f"{each}: stands below {above or 'the stack'}")
    return offenders


def _components(graph: Graph) -> list[Recorded]:
    found = [each for each in graph.resources if not each.custom]
    if not found:
        raise NothingToJudgeError(f"stack {graph.stack} has no components")
    return found


def every_component_has_its_token_and_is_finished(graph: Graph) -> list[str]:
    """Without its outputs the engine shows a component as unfinished; a renamed token replaces all that is in it."""
    parents = {each.parent for each in graph.resources}
    offenders = []
    for each in _components(graph):
        if not _TOKEN.fullmatch(each.type):
            offenders.append(f"{each}: token is not {_TOKEN.pattern}")
        if not each.finished:
            offenders.append(f"{each}: registers no outputs")
        if each.urn not in parents:
            offenders.append(f"{each}: holds nothing")
    return offenders


def every_object_comes_after_its_namespace(graph: Graph) -> list[str]:
    """The API server refuses an object whose namespace is not there yet; without any it lands in `default`."""
    made = {each.inputs["metadata"]["name"]: each.urn for each in some(graph, "core/v1:Namespace")}
    offenders = []
    for each in kubernetes(graph):
        if each.type.rpartition(":")[2] in _CLUSTER_WIDE:
            continue
        namespace = each.inputs["metadata"].get("namespace")
        if made.get(namespace) not in graph.before(each):
            offenders.append(f"{each}: may be made before namespace {namespace!r}")
    return offenders


def the_release_comes_after_what_its_pods_need(graph: Graph) -> list[str]:
    """Helm waits for its pods: without schema, pool or credentials it waits until it fails."""
    needed = [
        *(each for each in some(graph, "core/v1:Secret") if each.name.startswith("airflow-")),
        graph.one("batch/v1:Job", "migration"),
        graph.one("apps/v1:Deployment", "pgbouncer"),
        graph.one("core/v1:Namespace", "platform-namespace"),
    ]
    return [
        f"{release}: may be made before {each}"
        for release in some(graph, "helm.sh/v3:Release")
        for each in needed
        if each.urn not in graph.before(release)
    ]


RULES: Final[tuple[Rule, ...]] = (
    nothing_is_made_by_an_ambient_provider,
    every_resource_stands_in_a_component,
    every_component_has_its_token_and_is_finished,
    every_object_comes_after_its_namespace,
    the_release_comes_after_what_its_pods_need,
)
