"""Workloads: every container of the program's own objects, and the pod template in the release's values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from tests import pod_rules
from tests.graph_rules.subjects import NothingToJudgeError, Rule, owner, slugs, some, strings
from tests.harness import Graph

Manifest = dict[str, Any]

CREDENTIALS_OF: Final = {
    # (purpose of the namespace, workload) -> files that it may mount out of Secrets
    ("parse", "dag-processor"): {"connection"},
    ("parse", "triggerer"): {"connection", "fernet-key"},
}
API_TOKEN_HOLDERS: Final = {
    "Deployment/pgbouncer/token-refresher": "follows the registry of tenants",
    "Deployment/tenant-reconciler/reconciler": "follows the registry of tenants",
}
"""Container -> why it talks to the Kubernetes API."""
NO_CREDENTIALS: Final = {
    "AIRFLOW__SECRETS__BACKEND": "a class",
    "AIRFLOW__SECRETS__BACKEND_KWARGS": "the address of the tenant's vault, reached by identity",
    "AIRFLOW__WORKERS__SECRETS_BACKEND": "a class",
}
"""Variable whose name looks like a credential -> what it is."""
_PROBE_SECONDS: Final = 10
_VOLUMES: Final = {"emptyDir", "configMap", "secret", "projected", "downwardAPI"}
_API_TOKEN_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder
_IMAGE: Final = re.compile(r"(?P<registry>[^/]+)/[a-z0-9._/-]+(:(?P<tag>[A-Za-z0-9._-]+)|@sha256:[0-9a-f]{64})")


def objects(graph: Graph) -> list[Manifest]:
    """Everything of ours that makes pods, as plain manifests."""
    kinds = ("apps/v1:Deployment", "apps/v1:StatefulSet", "apps/v1:DaemonSet", "batch/v1:Job")
    return [{"kind": each.type.rpartition(":")[2], **each.inputs} for each in some(graph, *kinds)]


def release_values(graph: Graph) -> Manifest:
    return dict(some(graph, "helm.sh/v3:Release")[0].inputs["values"])


def specs(graph: Graph) -> dict[str, Manifest]:
    """`<namespace>/<kind>/<name>` -> pod spec of all our objects and of the template of task pods."""
    found = {
        f"{entity['metadata']['namespace']}/{place}": spec
        for entity in objects(graph)
        for place, spec in pod_rules.pod_specs([entity]).items()
    }
    template = json.loads(release_values(graph)["podTemplate"])
    return {**found, "release/Pod/task": template["spec"]}


def containers(graph: Graph) -> Iterator[tuple[str, Manifest, Manifest]]:
    return pod_rules.containers(specs(graph))


def every_container_is_hardened(graph: Graph) -> list[str]:
    """A hole in one image would be a hole in the node."""
    return pod_rules.not_hardened(specs(graph))


def no_credential_stands_in_a_variable(graph: Graph) -> list[str]:
    """Variables are shown by `kubectl describe`, inherited by children and printed by crash reports."""
    found = pod_rules.credentials_in_env(specs(graph))
    return [line for line in found if line.partition(": ")[2].partition("=")[0] not in NO_CREDENTIALS]


def no_pod_reaches_the_node(graph: Graph) -> list[str]:
    """A folder, network or process list of the host is the host."""
    offenders = []
    for place, spec in specs(graph).items():
        offenders += [f"{place}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
        for volume in spec.get("volumes") or []:
            kinds = set(volume) - {"name"}
            if not kinds <= _VOLUMES:
                offenders.append(f"{place}: volume {volume['name']} is {sorted(kinds)}")
            empty = volume.get("emptyDir")
            if empty is not None and not empty.get("sizeLimit"):
                offenders.append(f"{place}: volume {volume['name']} may fill the node's disk")
    return offenders


def root_file_systems_are_read_only(graph: Graph) -> list[str]:
    """What cannot be written cannot be replaced by an attacker."""
    offenders = []
    for place, _, container in containers(graph):
        # A task may install what its DAG needs into its own, short-lived container.
        if place != "release/Pod/task/base" and not container["securityContext"].get("readOnlyRootFilesystem"):
            offenders.append(f"{place}: root file system is writable")
    return offenders


def only_who_talks_to_the_cluster_holds_its_token(graph: Graph) -> list[str]:
    """A token in a pod that needs none is one for whoever breaks in."""
    offenders, holders = [], set()
    for place, spec in specs(graph).items():
        if spec.get("automountServiceAccountToken") is not False:
            offenders.append(f"{place}: the token of its account is mounted by itself")
    for place, _, container in containers(graph):
        short = place.partition("/")[2]
        if any(mount["mountPath"] == _API_TOKEN_PATH for mount in container.get("volumeMounts") or []):
            holders.add(short)
            if short not in API_TOKEN_HOLDERS:
                offenders.append(f"{place}: mounts an API token")
    return offenders + [
        f"{each}: is on the list of token holders and holds none" for each in set(API_TOKEN_HOLDERS) - holders
    ]


def images_are_pinned_and_from_our_registry(graph: Graph) -> list[str]:
    """A moving tag or a foreign registry runs what nobody reviewed."""
    own = {each.outputs["loginServer"] for each in some(graph, "containerregistry:Registry")}
    offenders = []
    for place, _, container in containers(graph):
        match = _IMAGE.fullmatch(container["image"])
        if match is None or match["tag"] == "latest" or match["registry"] not in own:
            offenders.append(f"{place}: {container['image']}")
    return offenders


def tenants_code_gets_only_its_own_credentials(graph: Graph) -> list[str]:
    """JWT and API secret forge any sign-in, the Fernet key opens every connection in the database."""
    secrets = {
        (each.inputs["metadata"]["namespace"], each.inputs["metadata"]["name"]): set(
            each.inputs.get("stringData") or {}
        )
        for each in some(graph, "core/v1:Secret")
    }
    offenders = []
    judged = 0
    for place, spec in specs(graph).items():
        namespace, _, name = place.split("/", 2)
        purpose = "tasks" if place == "release/Pod/task" else namespace.partition("-")[0]
        if purpose not in ("tasks", "parse"):
            continue
        judged += 1
        for volume in spec.get("volumes") or []:
            secret = (volume.get("secret") or {}).get("secretName")
            if secret is None:
                continue
            given = secrets.get((namespace, secret), {f"unknown Secret {secret}"})
            if more := given - CREDENTIALS_OF.get((purpose, name), set()):
                offenders.append(f"{place}: mounts {sorted(more)} of {secret}")
    if not judged:
        raise NothingToJudgeError(f"stack {graph.stack} runs no tenant's code")
    return offenders


def a_tenants_secret_holds_nothing_of_the_platform(graph: Graph) -> list[str]:
    """A Secret in a tenant's namespace is one `secretName` away from its pods."""
    kept = {"connection", "fernet-key"}
    mine = [each for each in some(graph, "core/v1:Secret") if owner(graph, each)]
    if not mine:
        raise NothingToJudgeError(f"stack {graph.stack} has no tenant's Secret")
    return [
        f"{each} in {each.inputs['metadata']['namespace']}: {sorted(set(each.inputs['stringData']) - kept)}"
        for each in mine
        if not set(each.inputs["stringData"]) <= kept or each.inputs["metadata"]["namespace"].startswith("tasks-")
    ]


def a_processor_parses_one_tenants_bundle(graph: Graph) -> list[str]:
    """A processor without its bundle's name would parse every tenant's code as this tenant."""
    offenders = []
    found = 0
    for entity in objects(graph):
        if entity["metadata"]["name"] != "dag-processor":
            continue
        found += 1
        slug = entity["metadata"]["namespace"].removeprefix("parse-")
        for container in entity["spec"]["template"]["spec"]["containers"]:
            if container["command"][-2:] != ["--bundle-name", slug]:
                offenders.append(f"{entity['metadata']['namespace']}: {container['command']}")
    if found != len(slugs(graph)):
        offenders.append(f"{found} DAG processors for {len(slugs(graph))} tenants")
    return offenders


def no_workload_of_a_tenant_speaks_of_another(graph: Graph) -> list[str]:
    """A neighbour's name in a pod is a wire to the neighbour."""
    names = slugs(graph)
    if len(names) < 2:
        raise NothingToJudgeError(f"stack {graph.stack} has {len(names)} tenants")
    offenders = []
    for each in graph.resources:
        mine = owner(graph, each)
        if mine is None:
            continue
        for path, text in strings(each.inputs):
            for other in names:
                if (
                    other != mine
                    and re.search(rf"(?<![a-z0-9-]){re.escape(other)}(?![a-z0-9])", text)
                    and other not in mine
                ):
                    offenders.append(f"{each} of {mine}: {'.'.join(map(str, path))} names {other}")
    return offenders


def a_probe_that_runs_a_command_has_time(graph: Graph) -> list[str]:
    """A busy node needs seconds to start one: with the default of one second, load itself would restart containers."""
    return [
        f"{place}: {kind} has {seconds} s"
        for place, _, container in containers(graph)
        for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        if "exec" in (probe := container.get(kind, {})) and (seconds := probe.get("timeoutSeconds", 1)) < _PROBE_SECONDS
    ]


RULES: Final[tuple[Rule, ...]] = (
    every_container_is_hardened,
    no_credential_stands_in_a_variable,
    no_pod_reaches_the_node,
    root_file_systems_are_read_only,
    only_who_talks_to_the_cluster_holds_its_token,
    images_are_pinned_and_from_our_registry,
    tenants_code_gets_only_its_own_credentials,
    a_tenants_secret_holds_nothing_of_the_platform,
    a_processor_parses_one_tenants_bundle,
    no_workload_of_a_tenant_speaks_of_another,
    a_probe_that_runs_a_command_has_time,
)
