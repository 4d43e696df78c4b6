"""`weather.tutorial`: Airflow's classic tutorial, with operators."""

from __future__ import annotations

import textwrap
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "weather.tutorial",
    default_args={"depends_on_past": False, "retries": 1, "retry_delay": timedelta(minutes=5)},
    description="A simple tutorial DAG",
    schedule=timedelta(days=1),
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["tutorial"],
) as dag:
    print_date = BashOperator(task_id="print_date", bash_command="date")
    sleep = BashOperator(task_id="sleep", depends_on_past=False, bash_command="sleep 5", retries=3)
    templated = BashOperator(
        task_id="templated",
        depends_on_past=False,
        bash_command=textwrap.dedent(
            """
            {% for i in range(5) %}
                echo "{{ ds }}"
                echo "{{ macros.ds_add(ds, 7) }}"
            {% endfor %}
            """
        ),
    )
    print_date >> [sleep, templated]
