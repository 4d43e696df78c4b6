"""One DAG starts another: within a team, and across teams only by an asset, if the DAG that waits for it says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import uuid4

import pytest

from tests.cluster.running_platform import RunningPlatform

NEW: Final = uuid4().hex[:8]
"""Ends the ids of all DAGs here: what Airflow keeps of a DAG that was there before must not help."""

STARTS, PRODUCER, OWN_PRODUCER = f"mobility.starts-{NEW}", f"mobility.counted-{NEW}", f"weather.counted-{NEW}"
INVITED, UNINVITED = f"weather.invited-{NEW}", f"weather.uninvited-{NEW}"

MOBILITY = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset

with DAG("mobility.starts-NEW", schedule=None):
    TriggerDagRunOperator(task_id="own", trigger_dag_id="mobility.counted-NEW", trigger_run_id="of-{{ run_id }}")
    TriggerDagRunOperator(task_id="another", trigger_dag_id="{{ 'weather.' + 'invited-NEW' }}", retries=0)

with DAG("mobility.counted-NEW", schedule=None):
    EmptyOperator(task_id="count", outlets=[Asset("trips-NEW")])
"""
WEATHER = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetAccessControl

invited = Asset("trips-NEW", access_control=AssetAccessControl(producer_teams=["mobility"]))
with DAG("weather.counted-NEW", schedule=None):
    EmptyOperator(task_id="count", outlets=[Asset("trips-NEW")])

for name, asset in (("invited", invited), ("uninvited", Asset("trips-NEW"))):
    with DAG(f"weather.{name}-NEW", schedule=[asset]):
        EmptyOperator(task_id="follow")
"""
FILES = {
    team: {"dags/chains.py": text.replace("NEW", NEW)}
    for team, text in {"mobility": MOBILITY, "weather": WEATHER}.items()
}


@pytest.fixture(scope="module")
def started(platform: RunningPlatform) -> Iterator[str]:
    """The run of mobility's DAG that starts others; it has ended."""
    # A process of the API server is asked for DAGs that are not there: it must not keep that they have no team.
    assert not any(platform.dag(dag_id) for dag_id in (PRODUCER, INVITED, UNINVITED))
    # One after the other: of two processors that write a new asset at the same moment, Airflow ends one.
    for team, dag_ids in {"mobility": (PRODUCER,), "weather": (INVITED, UNINVITED)}.items():
        platform.push(team, FILES[team])
        for dag_id in dag_ids:
            platform.unpause(dag_id)
    run = platform.start_run(STARTS)
    platform.ended(STARTS, run)
    yield run
    for team, files in FILES.items():
        platform.push(team, dict.fromkeys(files))


def runs(platform: RunningPlatform, dag_id: str) -> list[str]:
    return [each["dag_run_id"] for each in platform.airflow.call("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]]


def test_a_task_starts_a_dag_of_its_team(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances(STARTS, started)["own"]["state"] == "success"
    assert platform.ended(PRODUCER, f"of-{started}") == "success"


def test_a_task_does_not_start_another_teams_dag_and_its_log_says_why(platform: RunningPlatform, started: str) -> None:
    assert platform.task_instances(STARTS, started)["another"]["state"] == "failed"
    log = platform.log_with(STARTS, started, "another", f"dag_id: '{INVITED}'")
    assert "a DAG of the task's own tenant, 'mobility'" in log
    assert "name a DAG of the own team" in log


def test_an_asset_starts_the_dag_of_another_team_that_invites_its_producer(
    platform: RunningPlatform, started: str
) -> None:
    (run,) = platform.until(lambda: runs(platform, INVITED), f"{INVITED} is started")
    assert platform.ended(INVITED, run) == "success"
    assert runs(platform, UNINVITED) == []
    platform.start_run(OWN_PRODUCER)
    platform.until(lambda: runs(platform, UNINVITED), "an event of the own team starts it")
