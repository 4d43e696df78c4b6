"""Memory and processes of what stands idle, per tenant and shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.namespace import PLATFORM
from tests.bench.processes import by_pod, proportional_bytes
from tests.bench.result import Goal, Result, median
from tests.cluster.running_platform import RunningPlatform

MEBIBYTE: Final = 2**20
_WATCHES: Final = re.compile(r'^apiserver_longrunning_requests\{[^}]*verb="WATCH"[^}]*\} (\d+)', re.MULTILINE)


def measure(platform: RunningPlatform) -> Iterator[Result]:
    pods = [each for each in platform.get("pods") if each["spec"].get("restartPolicy") == "Always"]
    running = by_pod()
    tenants = len(platform.session.settings.tenants)
    for component, goal in (("dag-processor", Goal(150)), ("triggerer", None)):
        sizes = [memory(pod, running) for pod in pods if component_of(pod) == component]
        yield Result(f"{component}, PSS of one of {len(sizes)}", median(sizes), "MiB", goal)
    for component in ("scheduler", "api-server", "pgbouncer", "reconciler"):
        shared = [pod for pod in pods if component_of(pod) == component and pod["metadata"]["namespace"] == PLATFORM]
        found = sum(len(running.get(pod["metadata"]["uid"], [])) for pod in shared)
        label = f"{component} with {tenants} tenants, {len(shared)} replica(s)"
        yield Result(f"{label}, PSS", sum(memory(pod, running) for pod in shared), "MiB")
        yield Result(f"{label}, processes", found)
    yield Result(
        f"watches at the API server with {tenants} tenants", watches(platform.kubectl("get", "--raw", "/metrics"))
    )


def component_of(pod: Mapping[str, Any]) -> str:
    """Ours say it in Kubernetes' recommended label, the chart's in one of its own."""
    labels = pod["metadata"].get("labels", {})
    return str(labels.get("app.kubernetes.io/name") or labels.get("component"))


def memory(pod: Mapping[str, Any], running: Mapping[str, list[int]]) -> float:
    """MiB of all its containers' processes."""
    return sum(map(proportional_bytes, running.get(pod["metadata"]["uid"], []))) / MEBIBYTE


def watches(metrics: str) -> int:
    """Open ones, of all clients, from the API server's metrics."""
    return sum(map(int, _WATCHES.findall(metrics)))
