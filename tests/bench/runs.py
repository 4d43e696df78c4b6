"""From a queued task to its end, and where the time goes."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sandbox import toolchain
from tests.bench.processes import processes, started
from tests.bench.result import Goal, Result, median, percentile
from tests.cluster.running_platform import RunningPlatform

RUNS: Final = 12
SLUGS: Final = ("weather", "mobility")
DAG: Final = """
from airflow.sdk import dag, task


@dag(dag_id="{slug}.bench", schedule=None)
def bench():
    @task
    def nothing():
        pass

    nothing()


bench()
"""
_FILE: Final = "dags/bench.py"
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Timeline:
    """One run of one task; seconds since the epoch."""

    triggered: float
    queued: float
    pod: float
    container: float
    running: float
    success: float

    def parts(self) -> dict[str, float]:
        return {
            "run triggered -> task queued": self.queued - self.triggered,
            "queued -> pod object": self.pod - self.queued,
            "pod object -> container started": self.container - self.pod,
            "container started -> running": self.running - self.container,
            "running -> success": self.success - self.running,
        }


class TaskPods:
    """When each task pod came to be, as the API server told it, and when its first process began."""

    def __init__(self) -> None:
        self.made: dict[str, float] = {}
        self.began: dict[str, float] = {}

    @contextmanager
    def watched(self, platform: RunningPlatform) -> Iterator[None]:
        """Fills both while the block runs."""
        kubeconfig = platform.session.sandbox.cluster().kubeconfig
        command = [str(toolchain.path("kubectl")), f"--kubeconfig={kubeconfig}", "get", "pods", "--all-namespaces"]
        command += ["--selector=kubernetes_executor=True", "--watch-only", '--output=jsonpath={.metadata.uid}{"\\n"}']
        ended = threading.Event()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
            threads = [
                threading.Thread(target=self._read, args=(watch,)),
                threading.Thread(target=self._look, args=(ended,)),
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                ended.set()
                watch.terminate()
                for thread in threads:
                    thread.join()

    def _read(self, watch: subprocess.Popen[str]) -> None:
        assert watch.stdout is not None
        for line in watch.stdout:
            self.made.setdefault(line.strip(), time.time())

    def _look(self, ended: threading.Event) -> None:
        known: frozenset[int] = frozenset()
        while not ended.wait(_LOOK_SECONDS):
            found = {pid: pod for pod, pid in processes(known)}
            known |= found.keys()
            for pid, pod in found.items():
                self._began(pod, pid)

    def _began(self, pod: str, pid: int) -> None:
        try:
            at = started(pid)
        except (FileNotFoundError, ProcessLookupError):
            return
        self.began[pod] = min(at, self.began.get(pod, at))


def measure(platform: RunningPlatform) -> Iterator[Result]:
    for slug in SLUGS:
        platform.push(slug, {_FILE: DAG.format(slug=slug)})
    try:
        found = timelines(platform)
    finally:
        for slug in SLUGS:
            platform.push(slug, {_FILE: None})
    yield from results(found)


def timelines(platform: RunningPlatform) -> list[Timeline]:
    """One run after the other, each with the node to itself. The first of each tenant warms up and does not count."""
    pods = TaskPods()
    with pods.watched(platform):
        found = [one_run(platform, pods, SLUGS[number % len(SLUGS)]) for number in range(RUNS + len(SLUGS))]
    return found[len(SLUGS) :]


def one_run(platform: RunningPlatform, pods: TaskPods, slug: str) -> Timeline:
    known = set(pods.made)
    dag_id = f"{slug}.bench"
    run = platform.start_run(dag_id)
    state = platform.ended(dag_id, run)
    assert state == "success", f"{dag_id} {run}: {state}"
    platform.until(lambda: not platform.get("pods", f"tasks-{slug}", f"dag_id={dag_id}"), "the pod is gone")
    task = platform.task_instances(dag_id, run)["nothing"]
    triggered = platform.airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run}")["queued_at"]
    (pod,) = set(pods.made) - known
    return timeline(triggered, task, pods.made[pod], pods.began[pod])


def timeline(triggered: str, task: dict[str, Any], pod: float, container: float) -> Timeline:
    """From Airflow's times (ISO 8601) and those of the node."""
    run, queued, running, success = (
        datetime.fromisoformat(text).timestamp()
        for text in (triggered, task["queued_when"], task["start_date"], task["end_date"])
    )
    return Timeline(run, queued, pod, container, running, success)


def results(found: list[Timeline]) -> Iterator[Result]:
    to_running = [each.running - each.queued for each in found]
    to_success = [each.success - each.queued for each in found]
    yield Result("queued -> running, p50", percentile(to_running, 50), "s", Goal(2.0))
    yield Result("queued -> running, p95", percentile(to_running, 95), "s", Goal(3.0))
    yield Result("queued -> success, p50", percentile(to_success, 50), "s")
    yield Result("queued -> success, p95", percentile(to_success, 95), "s")
    for part in found[0].parts():
        yield Result(f"  {part}, p50", median(each.parts()[part] for each in found), "s")
