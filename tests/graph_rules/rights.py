"""Rights and borders in the cluster: roles, bindings, accounts, namespaces, network policies, quotas."""

from __future__ import annotations

from typing import Final

from tests.graph_rules.subjects import TENANT_LABEL, NothingToJudgeError, Rule, settings_of, slugs, some
from tests.harness import Graph, Recorded

SUBJECT_VERBS: Final = {"escalate", "bind", "impersonate"}
_ROLES: Final = ("rbac.authorization.k8s.io/v1:Role", "rbac.authorization.k8s.io/v1:ClusterRole")
_BINDINGS: Final = ("rbac.authorization.k8s.io/v1:RoleBinding", "rbac.authorization.k8s.io/v1:ClusterRoleBinding")
_MODES: Final = ("enforce", "audit", "warn")
_OF_ALL_NAMESPACES: Final = {"get", "list", "watch"}


def _tenant_namespace(namespace: str) -> bool:
    return namespace.startswith(("tasks-", "parse-"))


def no_role_is_wider_than_its_words(graph: Graph) -> list[str]:
    """A `*` grants also what Kubernetes learns later."""
    offenders = []
    for each in some(graph, *_ROLES):
        for rule in each.inputs.get("rules") or []:
            for field in ("verbs", "resources", "apiGroups"):
                if "*" in rule.get(field, []):
                    offenders.append(f"{each}: {field} {rule[field]}")
            if SUBJECT_VERBS & set(rule["verbs"]):
                offenders.append(f"{each}: verbs {rule['verbs']} hand out rights")
            if {"secrets", "pods/exec", "pods/attach", "serviceaccounts/token"} & set(rule.get("resources", [])):
                offenders.append(f"{each}: resources {rule['resources']}")
    return offenders


def no_account_of_a_tenant_has_rights_in_the_cluster(graph: Graph) -> list[str]:
    """A task's pod specification holds the token of that task: whoever reads pods acts as any task."""
    offenders = []
    for each in some(graph, *_BINDINGS):
        for subject in each.inputs["subjects"]:
            broad = subject["kind"] != "ServiceAccount"
            if broad or subject["name"] == "default" or _tenant_namespace(subject.get("namespace", "")):
                offenders.append(f"{each}: binds {subject}")
    return offenders


def rights_over_all_namespaces_only_read_pods(graph: Graph) -> list[str]:
    """A right to change pods everywhere is a right to become any workload."""
    offenders = []
    for each in graph.of("rbac.authorization.k8s.io/v1:ClusterRole"):
        for rule in each.inputs.get("rules") or []:
            if not set(rule["verbs"]) <= _OF_ALL_NAMESPACES or set(rule["resources"]) != {"pods"}:
                offenders.append(f"{each}: {rule}")
    for each in some(graph, *_BINDINGS):
        role = each.inputs["roleRef"]
        if role["kind"] == "ClusterRole" and role["name"] not in {
            made.inputs["metadata"]["name"] for made in graph.of("rbac.authorization.k8s.io/v1:ClusterRole")
        }:
            offenders.append(f"{each}: binds the cluster's own {role['name']}")
    return offenders


def every_binding_names_what_exists(graph: Graph) -> list[str]:
    """A binding to a role or account that nobody makes waits for whoever makes it first."""
    made = {
        (each.type.rpartition(":")[2], each.inputs["metadata"].get("namespace"), each.inputs["metadata"]["name"])
        for each in some(graph, *_ROLES)
    }
    offenders = []
    for each in some(graph, *_BINDINGS):
        role, namespace = each.inputs["roleRef"], each.inputs["metadata"].get("namespace")
        if (role["kind"], namespace if role["kind"] == "Role" else None, role["name"]) not in made:
            offenders.append(f"{each}: role {role['kind']} {role['name']} is not made here")
    return offenders


def no_account_mounts_its_token_by_itself(graph: Graph) -> list[str]:
    """A token in a pod that needs none is one for whoever breaks in."""
    return [
        f"{each}: automountServiceAccountToken is {each.inputs.get('automountServiceAccountToken')!r}"
        for each in some(graph, "core/v1:ServiceAccount")
        if each.inputs.get("automountServiceAccountToken") is not False
    ]


def every_namespace_is_restricted(graph: Graph) -> list[str]:
    """Without the label any pod may run there, as root and on the host."""
    offenders = []
    for each in some(graph, "core/v1:Namespace"):
        labels = each.inputs["metadata"].get("labels") or {}
        for mode in _MODES:
            level = labels.get(f"pod-security.kubernetes.io/{mode}")
            version = labels.get(f"pod-security.kubernetes.io/{mode}-version", "")
            if level != "restricted" or not version.startswith("v1."):
                offenders.append(f"{each}: {mode} is {level!r} of version {version!r}")
    return offenders


def the_cluster_enforces_network_policies(graph: Graph) -> list[str]:
    """Without an engine for them policies are accepted and do nothing."""
    wanted = {"networkProfile.networkDataplane": "cilium", "networkProfile.networkPolicy": "cilium"}
    return [line for each in some(graph, "containerservice:ManagedCluster") for line in settings_of(each, wanted)]


def every_namespace_denies_all_traffic_first(graph: Graph) -> list[str]:
    """Without it everything that no policy selects is open."""
    policies: dict[str, list[Recorded]] = {}
    for each in some(graph, "networking.k8s.io/v1:NetworkPolicy"):
        policies.setdefault(each.inputs["metadata"]["namespace"], []).append(each)
    offenders = []
    for each in some(graph, "core/v1:Namespace"):
        name = each.inputs["metadata"]["name"]
        if not any(_denies(policy.inputs["spec"]) for policy in policies.get(name, [])):
            offenders.append(f"{each}: {name} has {[str(policy) for policy in policies.get(name, [])]}")
    return offenders


def _denies(spec: dict[str, object]) -> bool:
    """Selects all pods, closes both directions, and opens at most name resolution."""
    everything = spec["podSelector"] in ({}, {"matchLabels": {}})
    directions = spec.get("policyTypes")
    rules = spec.get("egress") or []
    assert isinstance(rules, list)
    only_dns = all({port["port"] for port in rule.get("ports", [{"port": 0}])} == {53} for rule in rules)
    return everything and set(directions or []) == {"Egress", "Ingress"} and not spec.get("ingress") and only_dns


def no_policy_opens_the_hosts_services(graph: Graph) -> list[str]:
    """169.254.169.254 hands out the node's identity to whoever asks."""
    offenders = []
    for each in some(graph, "networking.k8s.io/v1:NetworkPolicy"):
        for rule in each.inputs["spec"].get("egress") or []:
            if not rule.get("to"):
                offenders.append(f"{each}: a rule without peers opens everything")
            for peer in rule.get("to") or []:
                block = peer.get("ipBlock")
                wide = block is not None and block["cidr"].endswith("/0")
                if wide and not {"169.254.0.0/16", "168.63.129.16/32"} <= set(block.get("except", [])):
                    offenders.append(f"{each}: {block}")
    return offenders


def every_rule_of_a_policy_names_its_ports(graph: Graph) -> list[str]:
    """A rule without ports opens all of them."""
    offenders = []
    for each in some(graph, "networking.k8s.io/v1:NetworkPolicy"):
        for direction in ("egress", "ingress"):
            offenders += [
                f"{each}: {direction} {rule}"
                for rule in each.inputs["spec"].get(direction) or []
                if not rule.get("ports")
            ]
    return offenders


def no_tenant_reaches_into_another_tenants_namespace(graph: Graph) -> list[str]:
    """One tenant's pods would talk to another's: mirror, triggerer, tasks."""
    offenders = []
    judged = 0
    for each in some(graph, "networking.k8s.io/v1:NetworkPolicy"):
        namespace = each.inputs["metadata"]["namespace"]
        if not _tenant_namespace(namespace):
            continue
        judged += 1
        mine = namespace.partition("-")[2]
        for direction, field in (("egress", "to"), ("ingress", "from")):
            for rule in each.inputs["spec"].get(direction) or []:
                for peer in rule.get(field) or []:
                    selector = peer.get("namespaceSelector")
                    if selector is None:
                        continue
                    name = (selector.get("matchLabels") or {}).get("kubernetes.io/metadata.name")
                    if name is None or (_tenant_namespace(name) and name.partition("-")[2] != mine):
                        offenders.append(f"{each} in {namespace}: {direction} {selector}")
    if not judged:
        raise NothingToJudgeError(f"stack {graph.stack} has no tenant's policy")
    return offenders


def every_tenant_has_both_namespaces_and_bounds(graph: Graph) -> list[str]:
    """A tenant without a quota takes the cluster; one without limits takes the node."""

    def namespaces(kind: str) -> set[str]:
        return {each.inputs["metadata"].get("namespace", "") for each in graph.of(kind)}

    made = {each.inputs["metadata"]["name"]: each for each in some(graph, "core/v1:Namespace")}
    wanted = slugs(graph)
    if not wanted:
        raise NothingToJudgeError(f"stack {graph.stack} has no tenant")
    offenders = []
    for slug in wanted:
        for name in (f"tasks-{slug}", f"parse-{slug}"):
            label = made[name].inputs["metadata"]["labels"].get(TENANT_LABEL) if name in made else None
            if label != slug:
                offenders.append(f"{name}: labelled {label!r}, must exist with {slug!r}")
            for kind in ("core/v1:ResourceQuota", "core/v1:LimitRange"):
                if name not in namespaces(kind):
                    offenders.append(f"{name}: no {kind}")
    return offenders


RULES: Final[tuple[Rule, ...]] = (
    no_role_is_wider_than_its_words,
    no_account_of_a_tenant_has_rights_in_the_cluster,
    rights_over_all_namespaces_only_read_pods,
    every_binding_names_what_exists,
    no_account_mounts_its_token_by_itself,
    every_namespace_is_restricted,
    the_cluster_enforces_network_policies,
    every_namespace_denies_all_traffic_first,
    no_policy_opens_the_hosts_services,
    every_rule_of_a_policy_names_its_ports,
    no_tenant_reaches_into_another_tenants_namespace,
    every_tenant_has_both_namespaces_and_bounds,
)
