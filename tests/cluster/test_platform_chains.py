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
FILES = {"mobility": {"dags/chains.py": MOBILITY}, "weather": {"dags/chains.py": WEATHER}}


@pytest.fixture(scope="module")
def started(platform: RunningPlatform) -> Iterator[str]:
    """The run of mobility's DAG that starts others; it has ended."""
    for team, files in FILES.items():
        platform.push(team, files)
    for dag_id in ("mobility.counted", "weather.invited", "weather.uninvited"):
        platform.unpause(dag_id)
    run = platform.start_run("mobility.starts")
    platform.ended("mobility.starts", run)
    yield run
    for team, files in FILES.items():
        platform.push(team, dict.fromkeys(files))


def followed(platform: RunningPlatform, dag_id: str, source: str) -> str | None:
    """The run of that DAG which an event of the run `source` has started."""
    path = f"/api/v2/dags/{dag_id}/dagRuns"
    for each in platform.airflow.call("GET", path, query={"order_by": "-run_after"})["dag_runs"]:
        events = platform.airflow.call("GET", f"{path}/{each['dag_run_id']}/upstreamAssetEvents")["asset_events"]
        if source in [event["source_run_id"] for event in events]:
            return str(each["dag_run_id"])
    return None


def test_a_task_starts_a_dag_of_its_team(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances("mobility.starts", started)["own"]["state"] == "success"
    assert platform.ended("mobility.counted", f"of-{started}") == "success"


def test_a_task_does_not_start_another_teams_dag_and_its_log_says_why(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances("mobility.starts", started)["another"]["state"] == "failed"
    log = platform.log_with("mobility.starts", started, "another", "dag_id: 'weather.invited'")
    assert "a DAG of the task's own tenant, 'mobility'" in log
    assert "name a DAG of the own team" in log


def test_an_asset_starts_the_dag_of_another_team_that_invites_its_producer(
    platform: RunningPlatform, started: str
) -> None:
    of_mobility = f"of-{started}"
    invited = platform.until(lambda: followed(platform, "weather.invited", of_mobility), "weather.invited is started")
    assert platform.ended("weather.invited", invited) == "success"
    own = platform.start_run("weather.counted")
    platform.until(lambda: followed(platform, "weather.uninvited", own), "the own team's event starts it")
    assert followed(platform, "weather.uninvited", of_mobility) is None
