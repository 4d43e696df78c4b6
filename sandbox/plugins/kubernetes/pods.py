"""What keeps the pods of a workload from running, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.plugins.kubernetes.readiness import Fetch

_LONGEST_LIST = 5


def problems(workload: Mapping[str, Any], fetch: Fetch) -> list[str]:
    """Up to five reasons from the pods that a workload selects; none for kinds that select no pods."""
    labels = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    namespace = workload["metadata"].get("namespace")
    if not labels or not namespace:
        return []
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    listed = fetch(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": selector}) or {}
    found = [f"pod {pod['metadata']['name']}: {text}" for pod in listed.get("items") or [] for text in _of(pod)]
    return found[:_LONGEST_LIST]


def _of(pod: Mapping[str, Any]) -> Iterable[str]:
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield f"not scheduled: {condition.get('message')}"
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            yield f"container {container['name']}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        elif ended.get("exitCode"):
            yield f"container {container['name']}: ended with code {ended['exitCode']} ({ended.get('reason')})"
