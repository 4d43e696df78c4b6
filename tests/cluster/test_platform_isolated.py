"""The fitness DAG on a running platform: six tasks in an image that the team describes and builds by one command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import pytest

from sandbox.workloads import registry
from stacks.naming import task_namespace
from tests import ways
from tests.cluster.running_platform import STACK, RunningPlatform

TEAM: Final = "weather"
DAG_ID: Final = f"{TEAM}.fitness"
FITNESS: Final = Path(__file__).parents[1] / "fitness"
LOCK: Final = "images/lock.json"
DATABASE: Final = "stations"
COLDEST: Final = -12
OBSERVATIONS: Final = """
SET ROLE stations;
CREATE TABLE observations (station text, degrees integer);
INSERT INTO observations VALUES ('Brocken', -12), ('Brocken', 4), ('Zugspitze', -30);
"""
MINUTES: Final = 10 * 60.0
"""Seconds; six pods in a namespace that holds five, with a large image."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one run."""

    run_id: str
    day: str
    pods: list[dict[str, Any]]


def files() -> dict[str, str]:
    """As the team has them; the stack file delivers its folder `dags`, so what DAGs import lies below that."""
    found = {str(file.relative_to(FITNESS)): file for file in FITNESS.rglob("*") if file.is_file()}
    wanted = {name: file for name, file in found.items() if name != LOCK and "__pycache__" not in file.parts}
    return {f"dags/{name}" if name.startswith("include/") else name: file.read_text() for name, file in wanted.items()}


@pytest.fixture(scope="module")
def repository(platform: RunningPlatform) -> Iterator[Path]:
    """The team's working copy with the DAG, its image built and in the node, pushed."""
    copy = platform.repository(TEAM)
    for name, text in files().items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    built = platform.workbench.ariel("images", "build", "--push", "--env", STACK, cwd=copy)
    assert built.returncode == 0, built.stderr
    platform.push(TEAM, {})
    yield copy
    platform.push(TEAM, dict.fromkeys([*files(), LOCK]))


@pytest.fixture(scope="module")
def stations(platform: RunningPlatform) -> Iterator[None]:
    """A database of the team's, which its tasks reach with a password of their own, and the connection to it."""
    server = platform.databases.server(platform.database)
    described = server.description()
    assert described is not None
    access = server.home / "data" / "pg_hba.conf"
    before, password, address = access.read_text(), token_hex(), described.address
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "stations", "namespace": task_namespace(TEAM)},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": f"{address}/32"}}], "ports": [{"port": 5432}]}],
        },
    }
    try:
        platform.sql(f"CREATE ROLE {DATABASE} LOGIN PASSWORD '{password}'")
        platform.sql(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        platform.sql(OBSERVATIONS, DATABASE)
        access.write_text(f"hostssl {DATABASE} {DATABASE} all scram-sha-256\n{before}")
        platform.sql("SELECT pg_reload_conf()")
        platform.workbench.kubectl("apply", "--filename=-", stack=STACK, given=json.dumps(policy))
        uri = f"postgresql://{DATABASE}:{password}@{address}:5432/{DATABASE}"
        platform.set_secret(TEAM, "connection", DATABASE, uri)
        yield
    finally:
        platform.workbench.kubectl(
            *("delete", "networkpolicy", "stations", "--namespace", task_namespace(TEAM), "--ignore-not-found"),
            stack=STACK,
        )
        access.write_text(before)
        platform.sql("SELECT pg_reload_conf()")
        platform.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        platform.sql(f"DROP ROLE IF EXISTS {DATABASE}")


@pytest.fixture(scope="module")
def outcome(
    platform: RunningPlatform, repository: Path, stations: None, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    now = datetime.now(UTC)
    with platform.watched_pods(tmp_path_factory.mktemp("pods") / "watch") as pods:
        run_id = platform.start_run(DAG_ID, logical_date=now.isoformat())
        platform.ended(DAG_ID, run_id, MINUTES)
    own = [pod for pod in pods if pod["metadata"].get("annotations", {}).get("dag_id") == DAG_ID]
    return Outcome(run_id=run_id, day=f"{now:%Y-%m-%d}", pods=own)


def test_all_six_tasks_succeed(platform: RunningPlatform, outcome: Outcome) -> None:
    found = {name: each["state"] for name, each in platform.task_instances(DAG_ID, outcome.run_id).items()}
    assert len(found) == 6
    assert {task: each.state for task, each in ways.ISOLATED.outcomes.items()} == dict.fromkeys(found, "success")
    failed = [name for name, state in found.items() if state != "success"]
    assert failed == [], {name: platform.task_log(DAG_ID, outcome.run_id, name) for name in failed}


def test_each_task_did_its_work_by_the_foreign_provider_language_or_python(
    platform: RunningPlatform, outcome: Outcome
) -> None:
    """A task that ran in the platform's image would have neither, and one that ran nothing would succeed as well."""

    def returned(task_id: str) -> Any:
        return platform.returned(DAG_ID, outcome.run_id, task_id)

    for task_id in ("sql", "sql_of_an_older_provider"):
        # A row is a tuple, which Airflow marks as one.
        assert [row["__data__"] for row in returned(task_id)] == [[outcome.day, COLDEST]], task_id
    assert returned("ruby") == {"day": outcome.day, "mean": 4}
    described = {"day": outcome.day, "highest": 9, "mean": 4}
    assert (returned("function"), returned("function_of_an_older_python")) == (described, described)
    assert returned("match") is True


def test_each_tasks_pod_runs_the_image_that_the_commit_names(
    platform: RunningPlatform, repository: Path, outcome: Outcome
) -> None:
    tag = json.loads((repository / LOCK).read_text())["legacy"]
    images = {
        pod["metadata"]["annotations"]["task_id"]: container["image"]
        for pod in outcome.pods
        for container in pod["spec"]["containers"]
        if container["name"] == "base"
    }
    wanted = f"{registry(platform.session.settings)}/{TEAM}/legacy:{tag}"
    assert images == dict.fromkeys(platform.task_instances(DAG_ID, outcome.run_id), wanted)


def test_an_image_whose_content_is_unchanged_is_neither_built_nor_imported_again(
    platform: RunningPlatform, repository: Path
) -> None:
    """Else each delivery of a team would take minutes."""
    before = (repository / LOCK).read_text()
    again = platform.workbench.ariel("images", "build", "--push", "--env", STACK, cwd=repository)
    assert again.returncode == 0, again.stderr
    assert [word for word in ("Build layer", "Write image", "Import image") if word in again.stderr] == []
    assert (repository / LOCK).read_text() == before
