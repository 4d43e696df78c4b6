"""The base pod of every task: hardened, with the identity webhook's label, and without a single credential.

The chart mounts it into the scheduler, where the executor reads it and adds what belongs to the task's tenant:
namespace, account, image, size, log container. A task speaks to the Execution API only; it is given no database
URL, Fernet key, API secret or JWT secret, and Kubernetes gives it no token (`automountServiceAccountToken`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.pod import GID, UID, WORKLOAD_IDENTITY_LABEL

AIRFLOW_HOME: Final = "/opt/airflow"

POD_SECURITY: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": GID,
    "fsGroup": GID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Final[Mapping[str, Any]] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def task_pod_template(
    *, image: str, env: Mapping[str, str], node_selector: Mapping[str, str], tolerations: Sequence[Mapping[str, str]]
) -> str:
    """The pod as JSON, which is YAML too. `env` holds plain settings only.

    Indented, because the chart evaluates the text as a template and JSON on one line may hold two opening braces.
    """
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "task", "labels": {WORKLOAD_IDENTITY_LABEL: "true"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "nodeSelector": node_selector,
            "tolerations": tolerations,
            "containers": [
                {
                    "name": "base",
                    "image": image,
                    "env": [{"name": name, "value": value} for name, value in sorted(env.items())],
                    "securityContext": CONTAINER_SECURITY,
                    "resources": {
                        "requests": {"cpu": "250m", "memory": "512Mi"},
                        "limits": {"cpu": "1", "memory": "512Mi"},
                    },
                }
            ],
        },
    }
    return json.dumps(pod, indent=2)
