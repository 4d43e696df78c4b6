"""A pod like a team's task pods, for a person to look around in: their image, account, settings and network.

A task's own pod is gone when the task has ended. In a team's namespace only the scheduler may make pods, so the pod is
made in its name, which whoever administers the cluster may take on; Kubernetes' audit log names both.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final
from uuid import uuid4

import typer
from ruamel.yaml import YAML

from cli.kubectl import Kubectl
from components import tenant_registry
from components.airflow_values import RELEASE, SCHEDULER_ACCOUNT
from components.namespace import PLATFORM
from components.pod import INIT, Manifest, labels

SCHEDULER: Final = f"system:serviceaccount:{PLATFORM}:{SCHEDULER_ACCOUNT}"
_TEMPLATE: Final = "pod_template_file.yaml"
_LONGEST_SECONDS: Final = 8 * 3600
"""After a working day the pod ends, if what should remove it could not."""
_READY_SECONDS: Final = 180


def task_shell(kubectl: Kubectl, slug: str) -> int:
    """The status of a shell in a pod that is made for it and removed afterwards."""
    wanted = (f"{RELEASE}-config", f"tenant-{slug}")
    release, tenant = json.loads(_said(kubectl, "get", "configmaps", *wanted, "-n", PLATFORM, "-o", "json"))["items"]
    template = YAML(typ="safe").load(release["data"][_TEMPLATE])
    pod = shell_pod(template, json.loads(tenant["data"][tenant_registry.KEY]), f"shell-{uuid4().hex[:8]}")
    name, namespace = f"pod/{pod['metadata']['name']}", pod["metadata"]["namespace"]
    _said(kubectl, "create", "-f", "-", f"--as={SCHEDULER}", given=json.dumps(pod))
    try:
        _said(kubectl, "wait", "--for=condition=Ready", f"--timeout={_READY_SECONDS}s", name, "-n", namespace)
        return kubectl.shell(namespace, name, pod["spec"]["containers"][0]["name"])
    finally:
        _said(kubectl, "delete", "--wait=false", name, "-n", namespace)


def shell_pod(template: Mapping[str, Any], entry: Mapping[str, Any], name: str) -> Manifest:
    """As the executor lays a tenant's entry in the registry over the release's template; it only waits."""
    pod: Manifest = deepcopy(dict(template))
    pod["metadata"] |= {"name": name, "namespace": entry["namespaces"]["tasks"]}
    pod["metadata"]["labels"] |= labels("shell", entry["slug"])
    pod["spec"] |= {"serviceAccountName": "task", "activeDeadlineSeconds": _LONGEST_SECONDS}
    (container,) = pod["spec"]["containers"]
    settings = {each["name"]: each["value"] for each in container["env"]} | entry["environment"]
    container["env"] = [{"name": key, "value": value} for key, value in sorted(settings.items())]
    container["command"] = [*INIT, "sleep", "infinity"]
    return pod


def _said(kubectl: Kubectl, *arguments: str, given: str | None = None) -> str:
    """What it prints; where it fails it has said why itself, and the command ends."""
    done = kubectl.run(*arguments, input=given, stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise typer.Exit(1)
    return done.stdout
