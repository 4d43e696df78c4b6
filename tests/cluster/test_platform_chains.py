"""One DAG starts another: within a team, and across teams only by an asset, if the DAG that waits for it says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.running_platform import RunningPlatform

MOBILITY = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset

with DAG("mobility.starts", schedule=None):
    TriggerDagRunOperator(task_id="own", trigger_dag_id="mobility.counted", trigger_run_id="of-{{ run_id }}")
    TriggerDagRunOperator(task_id="another", trigger_dag_id="{{ 'weather.' + 'invited' }}", retries=0)

with DAG("mobility.counted", schedule=None):
    EmptyOperator(task_id="count", outlets=[Asset("trips-counted")])
"""
WEATHER = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetAccessControl

invited = Asset("trips-counted", access_control=AssetAccessControl(producer_teams=["mobility"]))
with DAG("weather.counted", schedule=None):
    EmptyOperator(task_id="count", outlets=[Asset("trips-counted")])

for name, asset in (("invited", invited), ("uninvited", Asset("trips-counted"))):
    with DAG(f"weather.{name}", schedule=[asset]):
        EmptyOperator(task_id="follow")
"""
ASSET = {"name_pattern": "trips-counted", "only_active": True}
WAITING = ("weather.invited", "weather.uninvited")
FILES = {"mobility": {"dags/chains.py": MOBILITY}, "weather": {"dags/chains.py": WEATHER}}


@pytest.fixture(scope="module")
def before(platform: RunningPlatform) -> Iterator[dict[str, set[str]]]:
    """DAG that waits -> its runs, all DAGs being there and none started."""
    for team, files in FILES.items():
        platform.push(team, files)
    for dag_id in ("mobility.counted", *WAITING):
        platform.unpause(dag_id)
    # Before the scheduler's next look at assets, once a minute, Airflow drops what happens to a new one.
    platform.until(lambda: platform.airflow.call("GET", "/api/v2/assets", query=ASSET)["assets"], "the asset is active")
    yield {dag_id: runs(platform, dag_id) for dag_id in WAITING}
    for team, files in FILES.items():
        platform.push(team, dict.fromkeys(files))


@pytest.fixture(scope="module")
def started(platform: RunningPlatform, before: dict[str, set[str]]) -> str:
    """The run of mobility's DAG that starts others; it has ended."""
    run = platform.start_run("mobility.starts")
    platform.ended("mobility.starts", run)
    return run


def runs(platform: RunningPlatform, dag_id: str) -> set[str]:
    path = f"/api/v2/dags/{dag_id}/dagRuns"
    return {
        each["dag_run_id"] for each in platform.airflow.call("GET", path, query={"order_by": "-run_after"})["dag_runs"]
    }


def test_a_task_starts_a_dag_of_its_team(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances("mobility.starts", started)["own"]["state"] == "success"
    assert platform.ended("mobility.counted", f"of-{started}") == "success"


def test_a_task_does_not_start_another_teams_dag_and_its_log_says_why(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances("mobility.starts", started)["another"]["state"] == "failed"
    log = platform.log_with("mobility.starts", started, "another", "dag_id: 'weather.invited'")
    assert "a DAG of the task's own tenant, 'mobility'" in log
    assert "name a DAG of the own team" in log


def test_an_asset_starts_the_dag_of_another_team_that_invites_its_producer(
    platform: RunningPlatform, started: str, before: dict[str, set[str]]
) -> None:
    def since(dag_id: str) -> set[str]:
        return runs(platform, dag_id) - before[dag_id]

    invited, uninvited = WAITING
    (run,) = platform.until(lambda: since(invited), f"{invited} is started")
    assert platform.ended(invited, run) == "success"
    assert since(uninvited) == set()
    platform.start_run("weather.counted")
    platform.until(lambda: since(uninvited), "an event of the own team starts it")
