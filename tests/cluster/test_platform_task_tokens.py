"""Tasks that last longer than the token with which they speak to Airflow's API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import pytest

from tests.cluster.running_platform import LONG, RunningPlatform

LIFETIME: Final = 60
"""Seconds, instead of ten minutes. The API hands out a new token with an answer of the last thirty."""
LASTS: Final = 100
DAG: Final = "weather.outlives"
SOURCE: Final = f"""
import time
from datetime import timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, task


@task
def works():
    time.sleep({LASTS})


@dag(dag_id="{DAG}", schedule=None)
def outlives():
    works()
    TimeDeltaSensor(task_id="waits", delta=timedelta(seconds={LASTS}), deferrable=True)


outlives()
"""
FILE: Final = "dags/outlives.py"
API_SERVER: Final = "deployment/airflow-api-server"
VARIABLE: Final = "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME"


@pytest.fixture
def short_lives(platform: RunningPlatform) -> Iterator[None]:
    """The API server's tokens for tasks live for a minute."""
    platform.push("weather", {FILE: SOURCE})
    try:
        set_lifetime(platform, f"{VARIABLE}={LIFETIME}")
        yield
    finally:
        set_lifetime(platform, f"{VARIABLE}-")
        platform.push("weather", {FILE: None})


def set_lifetime(platform: RunningPlatform, change: str) -> None:
    platform.kubectl("set", "env", "--namespace", "airflow", API_SERVER, change)
    rolled_out(platform)


def rolled_out(platform: RunningPlatform) -> None:
    platform.kubectl("rollout", "status", "--namespace", "airflow", API_SERVER, f"--timeout={LONG:.0f}s")


def test_a_task_and_a_deferred_sensor_outlive_their_tokens_and_those_who_gave_them(
    platform: RunningPlatform, short_lives: None
) -> None:
    run = platform.start_run(DAG)
    platform.until(lambda: states(platform, run) == {"works": "running", "waits": "deferred"}, "both wait")
    platform.kubectl("rollout", "restart", "--namespace", "airflow", API_SERVER)
    selector = "app.kubernetes.io/name=triggerer"
    platform.kubectl(
        "delete", "pod", "--namespace", "parse-weather", "--selector", selector, "--grace-period=0", "--force"
    )
    rolled_out(platform)
    assert platform.ended(DAG, run) == "success"
    instances = platform.task_instances(DAG, run)
    assert {each["try_number"] for each in instances.values()} == {1}
    begun = min(datetime.fromisoformat(each["start_date"]) for each in instances.values())
    for name, each in instances.items():
        assert (datetime.fromisoformat(each["end_date"]) - begun).total_seconds() > LIFETIME, name


def states(platform: RunningPlatform, run: str) -> dict[str, str]:
    return {name: each["state"] for name, each in platform.task_instances(DAG, run).items()}
