"""`weather.forecast`: waits for a station without holding a pod, reads it, and says what tomorrow will be like."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task
from weather.operators import ReadObservationsOperator
from weather.sensors import StationReadySensor

STATION = "Hamburg"


@dag(dag_id="weather.forecast", schedule=None, catchup=False, default_args={"retries": 1})
def forecast() -> None:
    ready = StationReadySensor(task_id="ready", station=STATION, delay=timedelta(seconds=10))
    read = ReadObservationsOperator(task_id="read", station=STATION)

    @task(executor_config={"ariel": {"size": "M", "labels": {"purpose": "forecast"}}})
    def tomorrow(today: list[float]) -> float:
        """As warm as today's mean."""
        mean = round(sum(today) / len(today), 1)
        print(f"{STATION} tomorrow: {mean} degrees")
        return mean

    ready >> read
    tomorrow(read.output)


forecast()
