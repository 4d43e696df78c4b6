"""`weather.tutorial_taskflow_api`: Airflow's classic tutorial, with functions."""

from __future__ import annotations

import json
from datetime import datetime

from airflow.sdk import dag, task


@dag(
    dag_id="weather.tutorial_taskflow_api",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["tutorial"],
)
def tutorial_taskflow_api() -> None:
    @task
    def extract() -> dict[str, float]:
        return dict(json.loads('{"1001": 301.27, "1002": 433.21, "1003": 502.22}'))

    @task(multiple_outputs=True)
    def transform(orders: dict[str, float]) -> dict[str, float]:
        return {"total_order_value": sum(orders.values())}

    @task
    def load(total_order_value: float) -> None:
        print(f"Total order value is: {total_order_value:.2f}")

    summary = transform(extract())
    load(summary["total_order_value"])


tutorial_taskflow_api()
