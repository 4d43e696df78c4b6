"""A whole platform in a project of its own: what the proofs ask of it, and what they do to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cli.platform import Platform, UnansweredError
from cli.session import Session
from sandbox import git_server, toolchain
from sandbox.cluster import Cluster
from sandbox.lifecycle import CLUSTER_TOOLS, NODE_TOOLS
from sandbox.postgres.servers import PostgresServers
from sandbox.workloads import TENANT_SOURCES
from stacks.naming import Kind, Names
from tests.workbench import Workbench

STACK: Final = "local"
LONG: Final = 240.0
"""Seconds that something may take on a busy machine before it counts as never happening."""

T = TypeVar("T")


class RunningPlatform:
    """The platform of stack `local` in the project of `workbench`, made by `ariel up` as a person does."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.session: Session = workbench.session(STACK)
        self._copied: set[str] = set()

    @cached_property
    def airflow(self) -> Platform:
        """Airflow's REST API, as its administrator."""
        platform = self.session.platform
        assert platform is not None
        return platform

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster, with its tools, so that commands can be run on its node."""
        return self.session.sandbox.cluster(toolchain.ensure((*CLUSTER_TOOLS, *NODE_TOOLS)))

    @cached_property
    def databases(self) -> PostgresServers:
        databases = self.session.sandbox.databases()
        assert databases is not None
        return databases

    @cached_property
    def database(self) -> str:
        """Name of the Flexible Server."""
        settings = self.session.settings
        return Names(organisation=settings.organisation, stack=settings.stack).of(Kind.DATABASE_SERVER)

    def kubectl(self, *arguments: str) -> str:
        return self.workbench.kubectl(*arguments, stack=STACK)

    def get(self, kind: str, namespace: str | None = None, selector: str = "") -> list[dict[str, Any]]:
        """Objects of that kind; of all namespaces where none is given."""
        place = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        found = json.loads(self.kubectl("get", kind, *place, "--selector", selector, "--output", "json"))
        return list(found["items"])

    def staying_pods(self, namespace: str, selector: str) -> list[dict[str, Any]]:
        """Those that are not about to leave."""
        found = self.get("pods", namespace, selector)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def run_in(self, namespace: str, target: str, *command: str, container: str | None = None) -> str:
        """What a command prints that is run in a pod (`deploy/pgbouncer`)."""
        chosen = ["--container", container] if container else []
        return self.kubectl("exec", "--namespace", namespace, target, *chosen, "--", *command)

    def logs(self, namespace: str, target: str, *options: str) -> str:
        return self.kubectl("logs", "--namespace", namespace, target, *options)

    @contextmanager
    def watched_pods(self, file: Path) -> Iterator[list[dict[str, Any]]]:
        """Every state of every pod while the block runs, known at its end; looks now and then would miss some."""
        kubeconfig = f"--kubeconfig={self.cluster.kubeconfig}"
        watch = ("get", "pods", "--all-namespaces", "--watch", "--output=json")
        command = [str(toolchain.path("kubectl")), kubeconfig, *watch]
        seen: list[dict[str, Any]] = []
        with file.open("w") as output, subprocess.Popen(command, stdout=output) as watching:
            try:
                yield seen
            finally:
                watching.terminate()
        rest = file.read_text().lstrip()
        with suppress(json.JSONDecodeError):  # the end of the watch may have cut the last one
            while rest:
                pod, end = json.JSONDecoder().raw_decode(rest)
                seen.append(pod)
                rest = rest[end:].lstrip()

    def restarts(self) -> dict[str, tuple[str, int]]:
        """`namespace/pod/container` -> (uid of the pod, restarts), without tasks, jobs and what is about to leave."""
        return {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{status['name']}": (
                pod["metadata"]["uid"],
                status["restartCount"],
            )
            for pod in self.get("pods")
            if pod["spec"].get("restartPolicy") == "Always" and "deletionTimestamp" not in pod["metadata"]
            for status in pod["status"].get("containerStatuses", [])
        }

    def outlasting(self) -> dict[str, tuple[str, int]]:
        """`restarts` of what must outlast a database that is away.

        All but schedulers and DAG processors: where some of their statements get no answer, Airflow ends them, and they
        begin anew. Another scheduler, or the next, adopts the tasks.
        """
        return {
            name: seen for name, seen in self.restarts().items() if not name.endswith(("/scheduler", "/dag-processor"))
        }

    def troubles(self, since: float) -> str:
        """What is not as it should be with the pods, for the reader of a test that failed: a line or more for each.

        Ends of containers count from `since` on (seconds, Unix time): what tests before have killed explains nothing.
        """
        begun = datetime.fromtimestamp(since, UTC).replace(microsecond=0)
        lines = []
        for pod in self.get("pods"):
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            statuses = pod["status"].get("containerStatuses", [])
            if pod["status"]["phase"] != "Succeeded" and not (statuses and all(each["ready"] for each in statuses)):
                states = {each["name"]: each["state"] for each in statuses}
                lines.append(f"{namespace}/{name} is {pod['status']['phase']}, not ready: {json.dumps(states)}")
            for status in statuses:
                ended = status["lastState"].get("terminated")
                if ended and (not ended["finishedAt"] or datetime.fromisoformat(ended["finishedAt"]) >= begun):
                    lines.append(f"{namespace}/{name}/{status['name']} ended before: {json.dumps(ended)}")
                    with suppress(subprocess.CalledProcessError):
                        said = self.logs(namespace, name, "--previous", f"--container={status['name']}", "--tail=30")
                        lines += [f"    {line}" for line in said.splitlines()]
        return "\n".join(lines) or "all pods are ready, and none began anew"

    def sql(self, statement: str, database: str = "airflow") -> list[list[str]]:
        """Rows as the server's superuser sees them, each value as text."""
        server = self.databases.server(self.database)
        printed = server.sql(self.databases.tree, statement, database=database)
        return [line.split("|") for line in printed.splitlines() if line]

    def repository(self, slug: str) -> Path:
        """The working copy of a tenant's repository, of this test run; `push` delivers it."""
        copy = self.workbench.root / "repositories" / slug
        if slug not in self._copied:
            # On a platform that is kept there is one of an earlier run.
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(TENANT_SOURCES / slug, copy, ignore=shutil.ignore_patterns("__pycache__"))
            self._copied.add(slug)
        return copy

    def push(self, slug: str, files: Mapping[str, str | None]) -> str:
        """Write (or remove, where None) files below the repository's root and publish; returns the commit's id."""
        copy = self.repository(slug)
        for name, text in files.items():
            file = copy / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        repository = self.session.settings.tenants[slug].repository
        path = urlsplit(repository.url).path.lstrip("/")
        return git_server.publish(self.session.sandbox.paths.root / "git", path, copy, repository.branch)

    def dag(self, dag_id: str) -> dict[str, Any]:
        """What the API says of a DAG; empty while it is not known."""
        return self.airflow.call("GET", f"/api/v2/dags/{dag_id}", absent={})

    def import_errors(self) -> dict[str, str]:
        """`bundle/file` -> message."""
        answer = self.airflow.call("GET", "/api/v2/importErrors", query={"limit": 1000})
        return {f"{each['bundle_name']}/{each['filename']}": each["stack_trace"] for each in answer["import_errors"]}

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run, once it is parsed."""
        # A DAG whose file was removed stays known, as a stale one.
        self.until(lambda: self.dag(dag_id).get("is_stale") is False, f"{dag_id} is parsed")
        self.airflow.call("PATCH", f"/api/v2/dags/{dag_id}", body={"is_paused": False})

    def start_run(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, logical_date: str | None = None) -> str:
        """Unpause the DAG and start a run; returns the run's id."""
        self.unpause(dag_id)
        body = {"logical_date": logical_date, "conf": dict(conf or {})}
        return str(self.airflow.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def ended(self, dag_id: str, run_id: str, seconds: float = LONG) -> str:
        """The state in which the run ended: `success` or `failed`."""
        return self.until(
            lambda: state if (state := self.run_state(dag_id, run_id)) in ("success", "failed") else None,
            f"{dag_id} {run_id} ends",
            seconds,
        )

    def task_instances(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Task id (`id[index]` where mapped) -> task instance."""
        answer = self.airflow.call(
            "GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", query={"limit": 1000}
        )
        return {
            each["task_id"] if each["map_index"] < 0 else f"{each['task_id']}[{each['map_index']}]": each
            for each in answer["task_instances"]
        }

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """The log as the UI shows it, one line per event."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        content = self.airflow.call("GET", path, query={"full_content": "true"})["content"]
        return "\n".join(event if isinstance(event, str) else str(event.get("event")) for event in content)

    def returned(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """What the task, or one mapped instance of it, returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.airflow.call("GET", path, query={"map_index": map_index})["value"]

    def log_with(self, dag_id: str, run_id: str, task_id: str, text: str) -> str:
        """The log of the first attempt once that stands in it: it is sent to its storage after the task has ended.

        Whole events: the reason of a failure stands beside its text.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"

        def look() -> str | None:
            # A task that has not been scheduled yet has no first attempt.
            answer = self.airflow.call("GET", path, query={"full_content": "true"}, absent={"content": []})
            log = json.dumps(answer["content"])
            return log if text in log else None

        return self.until(look, f"{dag_id} {run_id} {task_id} says {text!r}")

    def set_secret(self, team: str, kind: str, secret_id: str, value: str) -> None:
        """As a person does, by `ariel secrets set`."""
        options = ("--tenant", team, "--env", STACK)
        done = self.workbench.ariel("secrets", "set", kind, secret_id, *options, input=value)
        assert done.returncode == 0, done.stderr
        assert value not in done.stdout + done.stderr

    def until(self, look: Callable[[], T | None], what: str, seconds: float = LONG) -> T:
        """The first answer that is true. Fails the test where none comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(UnansweredError):
                if answer := look():
                    return answer
            time.sleep(0.5)
        raise AssertionError(f"not within {seconds:.0f} s: {what}")

    def ariel(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command itself, on this project."""
        return self.workbench.ariel(*arguments)
