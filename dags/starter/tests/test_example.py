"""The shape and templates of `SLUG.example`, and what its operator and sensor do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import TaskDeferred
from ariel_runtime.testing import Give, graph, rendered

from operators.mean_temperature import MeanTemperatureOperator
from sensors.readings import ReadingsSensor, ReadingsTrigger

EXAMPLE = "SLUG.example"


def test_the_platform_takes_every_dag(dags: Mapping[str, DAG]) -> None:
    assert EXAMPLE in dags


def test_the_mean_waits_for_the_readings(dag: Callable[[str], DAG]) -> None:
    assert graph(dag(EXAMPLE)) == {"ready": {"mean"}, "mean": {"say"}, "say": set()}


def test_the_unit_is_a_variable(dag: Callable[[str], DAG], variables: Give) -> None:
    variables({"temperature_unit": "fahrenheit"})
    assert rendered(dag(EXAMPLE).get_task("mean")) == {"city": "Hamburg", "unit": "fahrenheit"}


@pytest.mark.parametrize(("unit", "mean"), [("celsius", 10.8), ("fahrenheit", 51.5)])
def test_the_operator_takes_the_mean(unit: str, mean: float) -> None:
    assert MeanTemperatureOperator(task_id="mean", city="Hamburg", unit=unit).execute({}) == mean


@pytest.mark.parametrize(("city", "unit"), [("Atlantis", "celsius"), ("Hamburg", "kelvin")])
def test_the_operator_fails_without_readings_or_for_an_unknown_unit(city: str, unit: str) -> None:
    with pytest.raises(ValueError, match=r"Atlantis|kelvin"):
        MeanTemperatureOperator(task_id="mean", city=city, unit=unit).execute({})


def test_the_sensor_keeps_no_pod_while_it_waits() -> None:
    assert ReadingsSensor(task_id="ready", city="Hamburg").execute({}) == 3
    with pytest.raises(TaskDeferred) as deferred:
        ReadingsSensor(task_id="ready", city="Atlantis", poke_interval=5).execute({})
    assert deferred.value.trigger.serialize() == (
        "sensors.readings.ReadingsTrigger",
        {"city": "Atlantis", "seconds": 5},
    )


def test_the_trigger_fires_once_there_are_readings() -> None:
    async def first() -> Any:
        return await anext(ReadingsTrigger(city="Hamburg", seconds=0).run())

    event = asyncio.run(first())
    assert ReadingsSensor(task_id="ready", city="Hamburg").there_are({}, event.payload) == 3
