"""The fitness tasks by ExternalPythonOperator, as far as one is a function of Python."""

from __future__ import annotations

import os
import sys

import pendulum
from airflow.providers.standard.operators.python import ExternalPythonOperator
from airflow.sdk import DAG, task

PYTHON = sys.executable
OLD_PYTHON = os.environ["ARIEL_ENVIRONMENTS"] + "/python2.7/bin/python"
QUERY = {"op_kwargs": {"sql": "sql/coldest.sql"}, "templates_exts": [".sql"], "params": {"station": "Brocken"}}
VALUES = [3, 9, -2, 6]


def queried(sql):
    from airflow.sdk import BaseHook

    return BaseHook.get_connection("stations").get_hook().get_records(sql)


def queried_by_an_older_provider(sql):
    from airflow.providers.postgres.operators.postgres import PostgresOperator

    return PostgresOperator(task_id="query", postgres_conn_id="stations", sql=sql).execute({})


def compared(values, ds=None):
    from include.comparison import described

    return described(ds, values)


with DAG("weather.external_python", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    ExternalPythonOperator(task_id="sql", python=PYTHON, python_callable=queried, **QUERY)
    ExternalPythonOperator(
        task_id="sql_of_an_older_provider", python=PYTHON, python_callable=queried_by_an_older_provider, **QUERY
    )
    new = ExternalPythonOperator(task_id="function", python=PYTHON, python_callable=compared, op_args=[VALUES])
    old = ExternalPythonOperator(
        task_id="function_of_an_older_python", python=OLD_PYTHON, python_callable=compared, op_args=[VALUES]
    )

    @task.external_python(python=OLD_PYTHON)
    def match(first, second):
        print("match" if first == second else "differ")
        return first == second

    match(new.output, old.output)
