"""The hardened building blocks of every pod: manifests of containers, volumes and pods as plain data.

All pods satisfy Pod Security `restricted`. They are made as manifests with Kubernetes' own key names rather than with
the SDK's classes, so that the same data can be sent to an API server as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from stacks.model import Resources

Manifest = dict[str, Any]
"""A piece of a Kubernetes object; leaves may be `pulumi.Input`."""

TENANT_LABEL: Final = "ariel.dev/tenant"
PURPOSE_LABEL: Final = "ariel.dev/purpose"
NAME_LABEL: Final = "app.kubernetes.io/name"
WORKLOAD_IDENTITY_LABEL: Final = "azure.workload.identity/use"
CLIENT_ID_ANNOTATION: Final = "azure.workload.identity/client-id"
SKIP_CONTAINERS_ANNOTATION: Final = "azure.workload.identity/skip-containers"
"""Containers, separated by `;`, into which Azure's webhook puts no token."""

UID: Final = 50000
"""User of the official Airflow image; its group is 0, and its entrypoint refuses another uid with another group."""
GID: Final = 0

STATE_FOLDER: Final = "/run/ariel"
"""Where our own long-running commands touch `ready` (work began) and `heartbeat` (each turn)."""
HEARTBEAT_MINUTES: Final = 5
_PROBE_SECONDS: Final = 20

INIT: Final = ("/usr/bin/dumb-init", "--")
"""Begins a command that leaves children behind, as git does: process 1 of a container must reap them, or their number
grows up to the pod's limit. A container's command takes the place of the image's entry point, which begins so too."""

API_ACCESS_VOLUME: Final = "kubernetes-api"
_API_TOKEN_SECONDS: Final = 3607
"""Lifetime of a projected API token, as Kubernetes itself asks for; the kubelet renews it at 80 %."""


def labels(component: str, slug: str | None = None) -> dict[str, str]:
    """The labels of everything that belongs to `component`, of one tenant where `slug` is given."""
    tenant = {TENANT_LABEL: slug} if slug else {}
    return {NAME_LABEL: component, "app.kubernetes.io/part-of": "ariel", **tenant}


def environment(values: Mapping[str, pulumi.Input[str]]) -> list[Manifest]:
    """Plain variables; a credential never goes here but into a file, read by the option's `_CMD` form."""
    return [{"name": name, "value": value} for name, value in values.items()]


def container(
    name: str,
    image: pulumi.Input[str],
    *,
    command: Sequence[str],
    resources: Resources,
    env: Mapping[str, pulumi.Input[str]] | None = None,
    mounts: Sequence[Manifest] = (),
    cpu_limit: str | None = None,
    **fields: Any,
) -> Manifest:
    """A container without privileges on a read-only root file system.

    `cpu_limit` is the request where it is not given; our own small Python processes need more than they ask for while
    they start. `fields` are further fields of the container (ports, probes).
    """
    return {
        "name": name,
        "image": image,
        "command": list(command),
        "env": environment(env or {}),
        "volumeMounts": list(mounts),
        "resources": {
            "requests": {"cpu": resources.cpu, "memory": resources.memory},
            "limits": {"cpu": cpu_limit or resources.cpu, "memory": resources.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        **fields,
    }


def pod(
    *,
    labels: Mapping[str, str],
    account: str,
    containers: Sequence[Manifest],
    volumes: Sequence[Manifest] = (),
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    **fields: Any,
) -> Manifest:
    """A pod template; `fields` are further fields of its spec.

    The Kubernetes API token is never mounted by itself: the one container which needs it mounts `api_token_volume()`.
    Pods of equal labels are spread over nodes, without refusing to start where there is only one node.
    """
    return {
        "metadata": {"labels": dict(labels), "annotations": dict(annotations or {})},
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": UID,
                "runAsGroup": GID,
                "fsGroup": GID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": dict(labels)},
                }
            ],
            "containers": list(containers),
            "volumes": list(volumes),
            **fields,
        },
    }


def mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path, "readOnly": read_only}


def scratch_volume(name: str, size: str) -> Manifest:
    """A writable folder on the node's disk, of at most `size`; a pod that exceeds it is evicted."""
    return {"name": name, "emptyDir": {"sizeLimit": size}}


def memory_volume(name: str, size: str) -> Manifest:
    """A writable folder in memory, for what must never reach a disk; counts as memory of the containers."""
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": size}}


def secret_volume(name: str, secret: str) -> Manifest:
    """The keys of a Secret as files that only the pod's group may read."""
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}


def config_volume(name: str, config_map: str) -> Manifest:
    return {"name": name, "configMap": {"name": config_map}}


def api_token_volume() -> Manifest:
    """What a Kubernetes client expects (token, certificate, namespace), for the one container that mounts it."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _API_TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": API_ACCESS_VOLUME, "projected": {"sources": sources}}


def api_token_mount() -> Manifest:
    return mount(API_ACCESS_VOLUME, "/var/run/secrets/kubernetes.io/serviceaccount", read_only=True)


def ready_probe() -> Manifest:
    """Succeeds once one of our own commands has touched `ready`."""
    return command_probe(["test", "-f", f"{STATE_FOLDER}/ready"])


def heartbeat_probe() -> Manifest:
    """Fails when one of our own commands has not finished a turn for `HEARTBEAT_MINUTES`."""
    check = f'test -n "$(find {STATE_FOLDER}/heartbeat -mmin -{HEARTBEAT_MINUTES})"'
    return {**command_probe(["/bin/sh", "-c", check]), "periodSeconds": 60, "failureThreshold": 2}


def command_probe(command: Sequence[str]) -> Manifest:
    """Succeeds when the command does. A busy node needs seconds to start one; by default a probe fails after one."""
    return {"exec": {"command": list(command)}, "timeoutSeconds": _PROBE_SECONDS}


def fingerprint(value: pulumi.Input[str]) -> pulumi.Output[str]:
    """Twelve hexadecimal digits that change with a secret, for an annotation: a changed Secret alone restarts nothing.

    Not secret itself: only for machine-made values, which nobody can guess from a digest.
    """
    digest = pulumi.Output.from_input(value).apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:12])
    return pulumi.Output.unsecret(digest)
