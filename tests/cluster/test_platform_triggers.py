"""Deferred tasks: a tenant's own triggers wait in its triggerer, without a pod, and outlive it."""

from __future__ import annotations

from tests.cluster.running_platform import RunningPlatform

TRIGGER = """
import asyncio
import socket

from airflow.triggers.base import BaseTrigger, TriggerEvent


class MovedTrigger(BaseTrigger):
    \"\"\"Fires once it runs in another pod than `first`, and says in which.\"\"\"

    def __init__(self, first):
        super().__init__()
        self.first = first

    def serialize(self):
        return "weather_moves.MovedTrigger", {"first": self.first}

    async def run(self):
        while socket.gethostname() == self.first:
            await asyncio.sleep(1)
        yield TriggerEvent(socket.gethostname())
"""
SENSOR = """
from airflow.sdk import BaseSensorOperator, dag
from weather_moves import MovedTrigger


class MovedSensor(BaseSensorOperator):
    def execute(self, context):
        self.defer(trigger=MovedTrigger(context["params"]["first"]), method_name="moved")

    def moved(self, context, event):
        return event


@dag(dag_id="weather.moves", schedule=None, params={"first": ""})
def moves():
    MovedSensor(task_id="wait")


moves()
"""
FILES = {"dags/weather_moves.py": TRIGGER, "dags/moves.py": SENSOR}
"""A trigger of the tenant's, beside the DAG that uses it."""


def triggerers(platform: RunningPlatform) -> list[str]:
    """Names of the weather team's triggerer pods."""
    found = platform.staying_pods("parse-weather", "app.kubernetes.io/name=triggerer")
    return [pod["metadata"]["name"] for pod in found]


def waiting_in(platform: RunningPlatform, dag_id: str, run: str, task: str) -> str | None:
    """The host in which the deferred task's trigger runs; None while none has it."""
    job = platform.task_instances(dag_id, run).get(task, {}).get("triggerer_job") or {}
    return job.get("hostname")


def test_a_deferrable_sensor_of_a_tenants_repository_waits_in_its_triggerer(platform: RunningPlatform) -> None:
    run = platform.start_run("weather.forecast")
    ready = platform.until(
        lambda: each if (each := platform.task_instances("weather.forecast", run)["ready"])["trigger"] else None,
        "the sensor waits",
    )
    assert ready["state"] == "deferred"
    assert ready["trigger"]["classpath"] == "weather.triggers.StationReadyTrigger"
    assert platform.ended("weather.forecast", run) == "success"
    assert {each["try_number"] for each in platform.task_instances("weather.forecast", run).values()} == {1}


def test_a_deferred_sensor_outlives_its_triggerer(platform: RunningPlatform) -> None:
    """It holds no token: the task gets a new one when it goes on."""
    platform.push("weather", FILES)
    try:
        (first,) = triggerers(platform)
        run = platform.start_run("weather.moves", {"first": first})
        assert platform.until(lambda: waiting_in(platform, "weather.moves", run, "wait"), "the sensor waits") == first
        platform.until(lambda: not platform.get("pods", "tasks-weather"), "a deferred task has no pod")
        platform.kubectl("delete", "pod", "--namespace", "parse-weather", first, "--grace-period=0", "--force")
        assert platform.ended("weather.moves", run) == "success"
        (second,) = triggerers(platform)
        fired_in = platform.returned("weather.moves", run, "wait")
        assert second in fired_in
        assert first not in fired_in
    finally:
        platform.push("weather", dict.fromkeys(FILES))
