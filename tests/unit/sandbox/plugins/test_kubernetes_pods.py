"""The words for what keeps pods from running, from what an API server says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.kubernetes import pods

FOLDER = "/api/v1/namespaces/n"
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "n", "uid": "u-web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {}},
}


class Server:
    """Answers of the API server by path; a list of events belongs to the uid that the query names."""

    def __init__(self, *found: Mapping[str, Any], events: Mapping[str, list[dict[str, Any]]] | None = None) -> None:
        self.found, self.events, self.log = found, events or {}, ""
        self.asked: list[Mapping[str, str]] = []

    def get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        if path == f"{FOLDER}/pods":
            return {"items": list(self.found)}
        return {"items": self.events.get(query["fieldSelector"].rpartition("=")[2], [])}

    def text(self, path: str, query: Mapping[str, str]) -> str:
        self.asked.append(query)
        return self.log


def pod(container: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    meta = {"name": "web-1", "namespace": "n", "uid": "u-pod", "creationTimestamp": "2026-01-01T00:00:00Z"}
    containers = [{"name": "main", "ready": False, **container}] if container else []
    return {"kind": "Pod", "metadata": meta, "status": {"containerStatuses": containers, **status}}


def problems(server: Server) -> list[str]:
    return pods.problems(WORKLOAD, server)  # type: ignore[arg-type]


def test_a_crash_is_told_with_the_last_lines_of_the_run_that_crashed() -> None:
    looping = {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    server = Server(pod(looping))
    server.log = "connecting\nrefused: no such role\n"
    said = "container main: ended with code 1 (Error); its log ends with:\nconnecting\nrefused: no such role"
    assert problems(server) == [f"pod web-1: {said}"]
    assert server.asked == [{"container": "main", "tailLines": "5", "previous": "true"}]


def test_a_run_killed_for_its_memory_is_told_even_where_no_log_can_be_had() -> None:
    killed = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    assert problems(Server(pod(killed))) == ["pod web-1: container main: ended with code 137 (OOMKilled)"]


def test_a_failing_probe_is_told_from_the_latest_event() -> None:
    events = [
        {"reason": "Unhealthy", "message": "Readiness probe failed: 503", "lastTimestamp": "2026-01-01T00:00:02Z"},
        {"reason": "FailedMount", "message": "secret not found", "lastTimestamp": "2026-01-01T00:00:01Z"},
    ]
    server = Server(pod({"state": {"running": {}}}, phase="Running"), events={"u-pod": events})
    assert problems(server) == ["pod web-1: Unhealthy: Readiness probe failed: 503"]


def test_a_pod_that_no_node_takes_is_told_with_the_schedulers_words() -> None:
    refused = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu."}
    assert problems(Server(pod(conditions=[refused]))) == ["pod web-1: not scheduled: 0/1 nodes: Insufficient cpu."]


def test_a_quota_that_lets_no_pod_be_made_is_told_where_there_is_no_pod() -> None:
    event = {"reason": "FailedCreate", "message": "exceeded quota: tasks", "lastTimestamp": "2026-01-01T00:00:00Z"}
    assert problems(Server(events={"u-web": [event]})) == ["exceeded quota: tasks"]


def test_ready_and_finished_pods_are_no_problem() -> None:
    ready = pod({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}, "ready": True})
    ready["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert problems(Server(ready, pod(phase="Succeeded"))) == []


def test_the_list_of_problems_is_short() -> None:
    assert len(problems(Server(*[pod({"state": {"waiting": {"reason": "ErrImagePull"}}})] * 9))) == 5
