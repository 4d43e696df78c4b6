"""Who may do what in the cluster and the database, as rows of words from a planned stack and its rendered release."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlsplit

from components.pod import CLIENT_ID_ANNOTATION, NAME_LABEL, PURPOSE_LABEL
from tests.access_facts import TENANT, AccessError, Found, Manifest, Plan, general
from tests.graph_rules.subjects import principals, strings

_ROLES: Final = ("Role", "ClusterRole")


def rights(plan: Plan) -> Found:
    """(account, namespace, verbs and resources) of each binding of a Role or ClusterRole."""
    made = {(each["kind"], _namespace(each), each["metadata"]["name"]): each["rules"] for _, each in plan.of(*_ROLES)}
    for member, each in plan.of("RoleBinding", "ClusterRoleBinding"):
        role, namespace = each["roleRef"], _namespace(each)
        rules = made.get((role["kind"], namespace if role["kind"] == "Role" else None, role["name"]))
        if rules is None:
            raise AccessError(f"{each['kind']} {each['metadata']['name']}: {role} is not made here")
        where = f"`{general(member, namespace)}`" if namespace else "all"
        may = "; ".join(f"{', '.join(rule['verbs'])} `{', '.join(rule['resources'])}`" for rule in rules)
        for subject in each["subjects"]:
            name = general(member, "/".join(filter(None, (subject.get("namespace"), subject["name"]))))
            account = f"`{name}`" if subject["kind"] == "ServiceAccount" else f"{subject['kind']} `{name}`"
            yield member, (account, where, may)


def secrets(plan: Plan) -> Found:
    """(Secret, its keys, the accounts of the pods that it is handed to)."""
    readers: dict[tuple[str, str], set[str]] = {}
    for member, pod, spec in plan.pods():
        for path, text in strings(spec):
            if path[-2:] in _NAMES_A_SECRET and path[-1] != text:  # a key is told as well
                readers.setdefault((pod.partition("/")[0], text), set()).add(f"`{general(member, pod)}`")
    for member, each in plan.of("Secret"):
        namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
        keys = ", ".join(f"`{key}`" for key in sorted(each["stringData"]))
        pods = ", ".join(sorted(readers.pop((namespace, name), {"none"})))
        yield member, (f"`{general(member, namespace)}/{name}`", keys, pods)
    for (namespace, name), pods_of_others in readers.items():
        yield "", (f"`{namespace}/{name}`", "made by others", ", ".join(sorted(pods_of_others)))


_NAMES_A_SECRET: Final = (("secret", "secretName"), ("secret", "name"), ("secretKeyRef", "name"), ("secretRef", "name"))
"""Ends of paths in a pod's specification: volume, part of a volume, variable, all variables."""


def logins(plan: Plan) -> Found:
    """(pod, way, role in PostgreSQL, identity in Azure) of all that signs in to the database."""
    principal_of: dict[str, str] = {}
    for _, each in plan.of("ConfigMap", "Secret"):
        text = each.get("data", {}).get("tenant.json") or each.get("stringData", {}).get("role.json")
        document = json.loads(text or "{}")
        principal_of |= {role: login["objectId"] for role, login in document.get("roles", document).items()}
    handed = {row[0]: row[2] for _, row in secrets(plan)}
    for member, each in plan.of("Secret"):
        if "connection" in each["stringData"]:
            role = str(urlsplit(each["stringData"]["connection"]).username)
            pods = handed[f"`{general(member, each['metadata']['namespace'])}/{each['metadata']['name']}`"]
            who = plan.holder(principal_of[role])[1]
            yield member, (pods, "PgBouncer, alias of the same name", f"`{general(member, role)}`", who)
    clients = {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": each["metadata"].get("annotations") or {}
        for _, each in plan.of("ServiceAccount")
    }
    known = {each.outputs["clientId"]: (principal, each) for principal, each in principals(plan.graph).items()}
    for member, pod, spec in plan.pods():
        containers = [*spec.get("initContainers", []), *spec["containers"]]
        for variable in (one for each in containers for one in each.get("env", [])):
            if variable["name"] == "ARIEL_DATABASE_ROLE":
                principal, identity = known[clients[pod][CLIENT_ID_ANNOTATION]]
                own = variable["value"] == identity.inputs["resourceName"]
                role = "its identity's own, administrator of the server" if own else f"`{variable['value']}`"
                yield member, (f"`{pod}`", "straight", role, plan.holder(principal)[1])


def connections(plan: Plan, direction: str) -> Found:
    """(pods, other side, ports) of the network policies; `direction` is `egress` or `ingress`."""
    for member, each in plan.of("NetworkPolicy"):
        namespace = general(member, each["metadata"]["namespace"])
        here = _pods(namespace, each["spec"]["podSelector"])
        for rule in each["spec"].get(direction) or []:
            ports: dict[str, list[str]] = {}
            for port in rule["ports"]:
                ports.setdefault(port.get("protocol", "TCP"), []).append(str(port["port"]))
            text = "; ".join(f"{protocol} {', '.join(numbers)}" for protocol, numbers in ports.items())
            for peer in rule["to" if direction == "egress" else "from"]:
                there = plan.address(peer["ipBlock"]) if "ipBlock" in peer else _peer(member, namespace, peer)
                yield member, (here, there, text)


def _peer(member: str, namespace: str, peer: Manifest) -> str:
    selector = peer.get("namespaceSelector", {})
    by_name = selector.get("matchLabels", {}).get("kubernetes.io/metadata.name")
    purposes = [one["values"] for one in selector.get("matchExpressions", []) if one["key"] == PURPOSE_LABEL]
    if selector and not by_name and not purposes:
        raise AccessError(f"a network policy of {namespace} selects namespaces by {selector}: add words for that")
    names = [f"{each}-{TENANT}" for each in purposes[0]] if purposes else [general(member, by_name or namespace)]
    return ", ".join(_pods(name, peer.get("podSelector", {})) for name in names)


def _pods(namespace: str, selector: Manifest) -> str:
    labels = selector.get("matchLabels") or {}
    name = labels.get(NAME_LABEL) or labels.get("component") or labels.get("k8s-app")
    if name:
        return f"`{namespace}/{name}`"
    return f"all pods of `{namespace}`" if not labels else f"pods of the release in `{namespace}`"


def _namespace(manifest: Manifest) -> str | None:
    """None for what holds in all of them, wherever a chart was told to put it."""
    return None if manifest["kind"].startswith("Cluster") else manifest["metadata"]["namespace"]
