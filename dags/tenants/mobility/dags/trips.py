"""`mobility.trips`: counts each line in a task of its own, side by side, and adds them up."""

from __future__ import annotations

from airflow.sdk import dag, task
from mobility import trips as counters


@dag(dag_id="mobility.trips", schedule=None, catchup=False)
def trips() -> None:
    @task
    def lines() -> list[str]:
        return counters.lines()

    @task(max_active_tis_per_dagrun=2)
    def count(line: str) -> int:
        return counters.trips(line)

    @task
    def total(counts: list[int]) -> int:
        found = sum(counts)
        print(f"{found} trips")
        return found

    total(count.expand(line=lines()))


trips()
