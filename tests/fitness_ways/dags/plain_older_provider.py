"""A file of its own: what it imports is in no module of the platform's image."""

from __future__ import annotations

import pendulum
from airflow.providers.postgres.operators.postgres import PostgresOperator
from airflow.sdk import DAG

with DAG("weather.plain_older_provider", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    PostgresOperator(
        task_id="sql_of_an_older_provider",
        postgres_conn_id="stations",
        sql="sql/coldest.sql",
        params={"station": "Brocken"},
    )
