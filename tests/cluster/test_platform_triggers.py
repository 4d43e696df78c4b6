"""Deferred tasks: a tenant's own triggers wait in its triggerer, without a pod."""

from __future__ import annotations

from tests.cluster.running_platform import RunningPlatform


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
