"""`SLUG.example`: waits for the readings of a city, takes their mean, and says it."""

from __future__ import annotations

from airflow.sdk import dag, task

from operators.mean_temperature import MeanTemperatureOperator
from sensors.readings import ReadingsSensor

CITY = "Hamburg"


@dag(dag_id="SLUG.example", schedule=None, catchup=False, default_args={"retries": 1}, tags=["example"])
def example() -> None:
    ready = ReadingsSensor(task_id="ready", city=CITY)
    mean = MeanTemperatureOperator(task_id="mean", city=CITY, unit="{{ var.value.temperature_unit }}")

    @task
    def say(temperature: float) -> str:
        text = f"{CITY}: {temperature} degrees"
        print(text)
        return text

    ready >> mean
    # A number only when it runs, which mypy cannot know of an operator's result.
    say(mean.output)  # type: ignore[arg-type]


example()
