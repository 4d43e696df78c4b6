"""What keeps the pods of a workload from running, in words: admission, scheduling, image, crash, probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sandbox.plugins.kubernetes.transport import ApiServer

_LONGEST_LIST = 5
_LOG_LINES = 5
_LINE_LENGTH = 200
# States that every pod passes through; what holds one there is in its events.
_PASSING = frozenset((None, "ContainerCreating", "PodInitializing"))


def problems(workload: Mapping[str, Any], api: ApiServer) -> list[str]:
    """Up to five reasons: from the workload's controller, then from its pods; none for kinds without pods."""
    return list(islice((*_of_controller(workload, api), *_of_pods(workload, api)), _LONGEST_LIST))


def has_pods(obj: Mapping[str, Any]) -> bool:
    """Whether an object is a pod or makes pods."""
    return obj.get("kind") == "Pod" or bool(_selector(obj) and "template" in obj["spec"])


def _of_controller(workload: Mapping[str, Any], api: ApiServer) -> Iterator[str]:
    """Why it makes no pods: quota, admission, a missing account."""
    if not has_pods(workload) or workload["kind"] == "Pod":
        return
    for condition in (workload.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield str(condition.get("message"))
            return
    for event in _warnings(workload, api):
        if event.get("reason") == "FailedCreate":
            yield str(event.get("message"))
            return


def _of_pods(workload: Mapping[str, Any], api: ApiServer) -> Iterator[str]:
    # The newest first: after an update those of the new version are the ones that are waited for.
    pods = sorted(_pods(workload, api), key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
    for pod in pods:
        for text in _of_pod(pod, api):
            yield f"pod {pod['metadata']['name']}: {text}"


def _pods(workload: Mapping[str, Any], api: ApiServer) -> Iterable[Mapping[str, Any]]:
    if workload["kind"] == "Pod":
        return [workload]
    labels, namespace = _selector(workload), workload["metadata"].get("namespace")
    if not labels or not namespace:
        return []
    chosen = ",".join(f"{key}={value}" for key, value in labels.items())
    return (api.get(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": chosen}) or {}).get("items") or []


def _selector(obj: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels that a workload or a Service selects; empty where it selects none."""
    selector = (obj.get("spec") or {}).get("selector") or {}
    if obj.get("kind") in ("Service", "ReplicationController"):
        return selector
    return selector.get("matchLabels") or {}


def _of_pod(pod: Mapping[str, Any], api: ApiServer) -> Iterator[str]:
    status = pod.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or []}
    unscheduled = conditions.get("PodScheduled") or {}
    if unscheduled.get("status") == "False":
        yield f"not scheduled: {unscheduled.get('message')}"
        return
    if status.get("phase") == "Succeeded" or (conditions.get("Ready") or {}).get("status") == "True":
        return
    containers = (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or []))
    found = [text for container in containers for text in _of_container(pod, container, api)]
    yield from found
    if not found:
        seen = dict.fromkeys(f"{event.get('reason')}: {event.get('message')}" for event in _warnings(pod, api))
        yield from list(seen)[-1:]


def _of_container(pod: Mapping[str, Any], container: Mapping[str, Any], api: ApiServer) -> Iterator[str]:
    state, before = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or before
    name = container["name"]
    if ended.get("exitCode") and not container.get("ready"):
        text = f"container {name}: ended with code {ended['exitCode']} ({ended.get('reason')})"
        said = _last_words(pod, name, api, previous=ended is before)
        yield f"{text}; its log ends with:\n{said}" if said else text
    elif waiting.get("reason") not in _PASSING:
        yield f"container {name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")


def _last_words(pod: Mapping[str, Any], container: str, api: ApiServer, previous: bool) -> str:
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log"
    query = {"container": container, "tailLines": str(_LOG_LINES), "previous": str(previous).lower()}
    return "\n".join(line[:_LINE_LENGTH] for line in api.text(path, query).splitlines())


def _warnings(obj: Mapping[str, Any], api: ApiServer) -> list[Mapping[str, Any]]:
    """Its events of type Warning, the latest last."""
    path = f"/api/v1/namespaces/{obj['metadata']['namespace']}/events"
    query = {"fieldSelector": f"type=Warning,involvedObject.uid={obj['metadata']['uid']}"}
    events = (api.get(path, query) or {}).get("items") or []
    return sorted(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
