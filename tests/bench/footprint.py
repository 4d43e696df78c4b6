"""Memory and processes of what stands idle, per tenant and shared."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from components import dag_processor, pgbouncer, reconciler, triggerer
from components.namespace import PLATFORM
from tests.bench.processes import by_pod, proportional_bytes
from tests.bench.result import Goal, Result, median
from tests.cluster.running_platform import RunningPlatform

MEBIBYTE: Final = 2**20
LOOKS: Final = 5
"""At the processes, some seconds apart: a probe runs beside them for a moment, and counts while it does."""
_PAUSE_SECONDS: Final = 3
_WATCHES: Final = re.compile(r'^apiserver_longrunning_requests\{[^}]*verb="WATCH"[^}]*\} (\d+)', re.MULTILINE)


def measure(platform: RunningPlatform) -> Iterator[Result]:
    pods = [each for each in platform.get("pods") if each["spec"].get("restartPolicy") == "Always"]
    sizes = idle_sizes([pod["metadata"]["uid"] for pod in pods])
    running = by_pod()
    tenants = len(platform.session.settings.tenants)
    for component, goal in ((dag_processor.NAME, Goal(150)), (triggerer.NAME, None)):
        own = [sizes[pod["metadata"]["uid"]] for pod in pods if component_of(pod) == component]
        yield Result(f"{component}, PSS of one of {len(own)}", median(own), "MiB", goal)
    for component in ("scheduler", "api-server", pgbouncer.NAME, reconciler.NAME):
        shared = [pod for pod in pods if component_of(pod) == component and pod["metadata"]["namespace"] == PLATFORM]
        found = sum(len(running.get(pod["metadata"]["uid"], [])) for pod in shared)
        label = f"{component} with {tenants} tenants, {len(shared)} replica(s)"
        yield Result(f"{label}, PSS", sum(sizes[pod["metadata"]["uid"]] for pod in shared), "MiB")
        yield Result(f"{label}, processes", found)
    yield Result(
        f"watches at the API server with {tenants} tenants", watches(platform.kubectl("get", "--raw", "/metrics"))
    )


def component_of(pod: Mapping[str, Any]) -> str:
    """Ours say it in Kubernetes' recommended label, the chart's in one of its own."""
    labels = pod["metadata"].get("labels", {})
    return str(labels.get("app.kubernetes.io/name") or labels.get("component"))


def idle_sizes(pods: Sequence[str]) -> dict[str, float]:
    """Uid of a pod -> MiB of all its containers' processes, the median of several looks."""
    seen: dict[str, list[float]] = {pod: [] for pod in pods}
    for _ in range(LOOKS):
        running = by_pod()
        for pod, sizes in seen.items():
            sizes.append(sum(map(proportional_bytes, running.get(pod, []))) / MEBIBYTE)
        time.sleep(_PAUSE_SECONDS)
    return {pod: median(sizes) for pod, sizes in seen.items()}


def watches(metrics: str) -> int:
    """Open ones, of all clients, from the API server's metrics."""
    return sum(map(int, _WATCHES.findall(metrics)))
