"""Six tasks that a way to isolate has to carry out, with no more said than in the plain way and where they run."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, task
from ariel_runtime.isolated import IsolatedOperator

IMAGE = "legacy"
OLD_PYTHON = "python2.7"
QUERY = {"conn_id": "stations", "sql": "sql/coldest.sql", "params": {"station": "Brocken"}}
VALUES = [3, 9, -2, 6]


def compared(values, ds=None):
    from include.comparison import described

    return described(ds, values)


with DAG("weather.fitness", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    IsolatedOperator(
        task_id="sql",
        image=IMAGE,
        operator="airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator",
        **QUERY,
    )
    IsolatedOperator(
        task_id="sql_of_an_older_provider",
        image=IMAGE,
        operator="airflow.providers.postgres.operators.postgres.PostgresOperator",
        postgres_conn_id="stations",
        sql=QUERY["sql"],
        params=QUERY["params"],
    )
    IsolatedOperator(
        task_id="ruby", image=IMAGE, environment="ruby", script="ruby/mean.rb", op_kwargs={"values": VALUES}
    )
    new = IsolatedOperator(task_id="function", image=IMAGE, python_callable=compared, op_args=[VALUES])
    old = IsolatedOperator(
        task_id="function_of_an_older_python",
        image=IMAGE,
        environment=OLD_PYTHON,
        python_callable=compared,
        op_args=[VALUES],
    )

    @task.isolated(image=IMAGE, environment=OLD_PYTHON)
    def match(first, second):
        print("match" if first == second else "differ")
        return first == second

    match(new.output, old.output)
