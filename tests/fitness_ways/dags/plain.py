"""The fitness tasks by the operators of the platform's image."""

from __future__ import annotations

import json

import pendulum
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, task

QUERY = {"conn_id": "stations", "sql": "sql/coldest.sql", "params": {"station": "Brocken"}}
VALUES = [3, 9, -2, 6]


def compared(values, ds=None):
    from include.comparison import described

    return described(ds, values)


with DAG("weather.plain", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    SQLExecuteQueryOperator(task_id="sql", **QUERY)
    BashOperator(
        task_id="ruby",
        bash_command="ruby '{{ dag.folder }}/ruby/printed_mean.rb'",
        env={"DAY": "{{ ds }}", "VALUES": json.dumps(VALUES)},
        append_env=True,
        output_processor=json.loads,
    )
    new = PythonOperator(task_id="function", python_callable=compared, op_args=[VALUES])
    old = BashOperator(
        task_id="function_of_an_older_python",
        bash_command="python2.7 '{{ dag.folder }}/python/printed_comparison.py'",
        env={"DAY": "{{ ds }}", "VALUES": json.dumps(VALUES), "PYTHONPATH": "{{ dag.folder }}/.."},
        append_env=True,
        output_processor=json.loads,
    )

    @task
    def match(first, second):
        print("match" if first == second else "differ")
        return first == second

    match(new.output, old.output)
