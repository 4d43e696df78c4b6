"""The team's tests of its own package; `python -m pytest` with `dags/` on the import path."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from weather.observations import observations
from weather.operators import ReadObservationsOperator
from weather.sensors import StationReadySensor
from weather.triggers import StationReadyTrigger


def test_every_station_has_a_whole_day() -> None:
    assert {(each.station, each.hour) for each in observations()} == {
        (station, hour) for station in ("Hamburg", "Munich") for hour in range(0, 24, 3)
    }


def test_a_station_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="Atlantis"):
        ReadObservationsOperator(task_id="read", station="Atlantis").execute({})


def test_the_trigger_comes_back_from_the_database_as_it_was_and_fires() -> None:
    path, arguments = StationReadyTrigger(
        "Hamburg", (datetime.now(UTC) + timedelta(seconds=0.1)).isoformat()
    ).serialize()
    assert path == f"{StationReadyTrigger.__module__}.{StationReadyTrigger.__name__}"

    async def first(trigger: StationReadyTrigger) -> Any:
        return await anext(trigger.run())

    event = asyncio.run(first(StationReadyTrigger(**arguments)))
    assert event.payload == {"station": "Hamburg", "observations": 8}


def test_a_station_that_reported_nothing_fails_the_task() -> None:
    sensor = StationReadySensor(task_id="ready", station="Hamburg", delay=timedelta(0))
    assert sensor.reported({}, {"station": "Hamburg", "observations": 8}) == 8
    with pytest.raises(RuntimeError, match="reported nothing"):
        sensor.reported({}, {"station": "Hamburg", "observations": 0})
