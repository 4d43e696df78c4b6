"""What the platform survives: the loss of each of its parts while tasks run, and a stop of the whole machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from sandbox.cluster.api_server import API_SERVER
from tests.bench.processes import by_pod
from tests.cluster.running_platform import LONG, STACK, RunningPlatform

DAG: Final = "weather.resilience"
TASKS: Final = 20
"""Four times what the tenant's quota holds, so that most of them wait for a pod."""
OUTAGE_SECONDS: Final = 60
WAITING: Final = "/tmp/waiting"  # noqa: S108 - inside the pods
GO: Final = "/tmp/go"  # noqa: S108 - inside the pods
SOURCE: Final = f"""
import socket
import time
from pathlib import Path

from airflow.sdk import dag, task


@task
def short(number):
    time.sleep(3)
    return socket.gethostname()


@task
def held(number):
    Path("{WAITING}").touch()
    while not Path("{GO}").exists():
        time.sleep(0.5)
    return socket.gethostname()


@dag(dag_id="{DAG}", schedule=None)
def many():
    short.expand(number=list(range({TASKS})))


@dag(dag_id="{DAG}.held", schedule=None)
def few():
    held.expand(number=[1, 2])


many()
few()
"""
FILE: Final = "dags/resilience.py"
HELD: Final = f"{DAG}.held"


@pytest.fixture(scope="module", autouse=True)
def dags(platform: RunningPlatform) -> Iterator[None]:
    platform.push("weather", {FILE: SOURCE})
    yield
    platform.push("weather", {FILE: None})


def task_pods(platform: RunningPlatform, run: str) -> dict[str, str]:
    """Name -> uid of the pods in which tasks of that run are."""
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"]
        for pod in platform.get("pods", "tasks-weather")
        if pod["metadata"]["annotations"].get("run_id") == run and pod["status"]["phase"] == "Running"
    }


def started_pods(platform: RunningPlatform) -> set[str]:
    """Every pod of the weather team whose container was ever started, by the events that the kubelet wrote."""
    events = platform.get("events", "tasks-weather")
    return {each["involvedObject"]["name"] for each in events if each["reason"] == "Started"}


@contextmanager
def held(platform: RunningPlatform) -> Iterator[dict[str, str]]:
    """Two tasks that run for as long as the block; they end well, each in the pod (name -> uid) that it was in."""
    run = platform.start_run(HELD)
    platform.until(lambda: len(task_pods(platform, run)) == 2, "the tasks have pods")
    pods = task_pods(platform, run)
    try:
        platform.until(lambda: all(exists(platform, pod, WAITING) for pod in pods), "the tasks do their work")
        yield pods
        assert task_pods(platform, run) == pods
    finally:
        for pod in pods:
            platform.run_in("tasks-weather", pod, "touch", GO)
    assert platform.ended(HELD, run) == "success"
    assert set(values(platform, HELD, run, "held")) == set(pods)


def exists(platform: RunningPlatform, pod: str, file: str) -> bool:
    try:
        platform.run_in("tasks-weather", pod, "test", "-e", file)
    except subprocess.CalledProcessError:
        return False
    return True


def one_ready(platform: RunningPlatform, namespace: str, selector: str) -> dict[str, Any] | None:
    """The only pod of these labels, once it is ready."""
    pods = platform.staying_pods(namespace, selector)
    if len(pods) != 1:
        return None
    (pod,) = pods
    statuses = pod["status"].get("containerStatuses", [])
    return pod if statuses and all(each["ready"] for each in statuses) else None


def restarted(platform: RunningPlatform, pod: dict[str, Any], selector: str) -> dict[str, Any]:
    """The same pod, once its container ran again and is ready."""
    namespace = pod["metadata"]["namespace"]

    def again() -> dict[str, Any] | None:
        found = one_ready(platform, namespace, selector)
        return found if found and restarts(found) > restarts(pod) else None

    found = platform.until(again, f"{pod['metadata']['name']} comes back")
    assert found["metadata"]["uid"] == pod["metadata"]["uid"]
    return found


def restarts(pod: dict[str, Any]) -> int:
    return sum(each["restartCount"] for each in pod["status"]["containerStatuses"])


def main_process(pod: dict[str, Any], words: str) -> int:
    """The Python process of these words that was first in a pod, by its number on this machine."""
    found = {}
    for number in by_pod().get(pod["metadata"]["uid"], []):
        folder = Path("/proc") / str(number)
        try:
            command = (folder / "cmdline").read_text().split("\0")
            status = (folder / "status").read_text()
        except OSError:
            continue  # It ended while we looked.
        if command[0].endswith("python") and words in " ".join(command):
            (inner,) = re.findall(r"^NSpid:.*\s(\d+)$", status, re.MULTILINE)
            found[int(inner)] = number
    assert found, f"no process of {words!r} in {pod['metadata']['name']}"
    return found[min(found)]


def states(platform: RunningPlatform, dag_id: str, run: str) -> list[str | None]:
    return [each["state"] for each in platform.task_instances(dag_id, run).values()]


def values(platform: RunningPlatform, dag_id: str, run: str, task: str) -> list[str]:
    """What the mapped instances of a task returned."""
    answer = platform.airflow.call(
        "GET",
        f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/~/xcomEntries",
        query={"xcom_key": "return_value", "limit": 1000},
    )
    entries = [each for each in answer["xcom_entries"] if each["task_id"] == task]
    return [str(platform.returned(dag_id, run, task, each["map_index"])) for each in entries]


def starts(platform: RunningPlatform, dag_id: str, run: str) -> dict[int, int]:
    """Mapped index -> how often a task of that index began, by the record that the API server keeps.

    Not the number of the try: one that was queued by a scheduler which died before it made a pod counts as a try.
    """
    query = {"dag_id": dag_id, "run_id": run, "event": "running", "limit": 1000}
    answer = platform.airflow.call("GET", "/api/v2/eventLogs", query=query)
    return dict(Counter(each["map_index"] for each in answer["event_logs"]))


def test_a_killed_scheduler_runs_no_task_twice_and_loses_none(platform: RunningPlatform) -> None:
    selector = "component=scheduler"
    before = started_pods(platform)
    first = platform.until(lambda: one_ready(platform, "airflow", selector), "the scheduler is ready")
    run = platform.start_run(DAG)
    platform.until(lambda: "running" in states(platform, DAG, run), "tasks run")
    name = first["metadata"]["name"]
    platform.kubectl("delete", "pod", "--namespace", "airflow", name, "--grace-period=0", "--force")
    second = platform.until(lambda: one_ready(platform, "airflow", selector), "another scheduler is ready")
    assert second["metadata"]["name"] != name
    assert set(states(platform, DAG, run)) != {"success"}, "the second kill would meet no task"
    os.kill(main_process(second, "airflow scheduler"), signal.SIGKILL)
    restarted(platform, second, selector)
    assert platform.ended(DAG, run, 2 * LONG) == "success"
    instances = platform.task_instances(DAG, run)
    assert len(instances) == TASKS
    assert starts(platform, DAG, run) == dict.fromkeys(range(TASKS), 1)
    ran_in = values(platform, DAG, run, "short")
    assert len(set(ran_in)) == len(ran_in) == TASKS
    assert started_pods(platform) - before == set(ran_in), "a pod ran for nothing"


def test_tasks_survive_an_airflow_api_that_is_away(platform: RunningPlatform) -> None:
    (deployment,) = platform.get("deployments", "airflow", "component=api-server")
    name, replicas = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    with held(platform):
        try:
            scale(platform, name, 0)
            platform.until(lambda: not platform.get("pods", "airflow", "component=api-server"), "no API server runs")
            time.sleep(OUTAGE_SECONDS)
        finally:
            scale(platform, name, replicas)
            status = ("rollout", "status", "--namespace", "airflow", f"deployment/{name}", f"--timeout={LONG:.0f}s")
            platform.kubectl(*status)
        platform.until(lambda: platform.airflow.components()["airflow api-server"], "the API answers")


def scale(platform: RunningPlatform, deployment: str, replicas: int) -> None:
    platform.kubectl("scale", "--namespace", "airflow", f"deployment/{deployment}", f"--replicas={replicas}")


def test_pods_survive_a_killed_kubernetes_api(platform: RunningPlatform) -> None:
    with held(platform):
        before = {name: uid for name, (uid, _) in platform.restarts().items()}
        server = platform.cluster.processes[API_SERVER.name]
        identity = server.identity()
        assert identity is not None
        os.kill(identity.pid, signal.SIGKILL)
        platform.until(lambda: not server.running(), "the Kubernetes API has gone")
        platform.cluster.start()
        assert {name: uid for name, (uid, _) in platform.restarts().items()} == before


def test_a_killed_dag_processor_comes_back(platform: RunningPlatform) -> None:
    selector = "app.kubernetes.io/name=dag-processor"
    pod = platform.until(lambda: one_ready(platform, "parse-weather", selector), "it is ready")
    os.kill(main_process(pod, "ariel_runtime.dag_processor"), signal.SIGKILL)
    restarted(platform, pod, selector)


def test_the_probe_tells_a_job_that_beats_from_one_that_does_not(platform: RunningPlatform) -> None:
    def probe(job_type: str) -> str:
        command = ["python", "-m", "ariel_runtime.alive", job_type, "/etc/ariel/credentials/connection"]
        return platform.run_in("parse-weather", "deploy/dag-processor", *command)

    probe("DagProcessorJob")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        probe("TriggererJob")
    assert "no running TriggererJob of this host" in refused.value.stderr


def test_down_and_up_keep_what_ran_and_go_on(platform: RunningPlatform) -> None:
    dag_id, task_id = "weather.diagnostics", "report"
    kept = platform.start_run(dag_id)
    assert platform.ended(dag_id, kept) == "success"
    platform.until(lambda: not platform.get("pods", "tasks-weather"), "the pod is gone, the log in its storage")
    log = platform.task_log(dag_id, kept, task_id)
    assert platform.ariel("down", "--stack", STACK).returncode == 0
    assert up(platform).startswith("nothing changed")
    assert platform.run_state(dag_id, kept) == "success"
    assert platform.task_log(dag_id, kept, task_id) == log
    run = platform.start_run(dag_id)
    assert platform.ended(dag_id, run, 2 * LONG) == "success"


def up(platform: RunningPlatform) -> str:
    done = platform.ariel("up", "--stack", STACK)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
