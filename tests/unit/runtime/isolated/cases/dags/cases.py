"""What can happen to an isolated task."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, setup, task, teardown
from ariel_runtime.isolated import IsolatedOperator

START = pendulum.datetime(2026, 1, 1, tz="UTC")
OLD = {"environment": "other-python"}
STEPS = {"image": "legacy", "operator": "shared.operators.Steps"}


def said(word):
    return lambda context: print("callback:", word, context["ti"].task_id)


def given(value=None, ds=None, params=None, ti=None, dag_run=None, connections=None, variables=None):
    import os
    import sys

    return {
        "value": value,
        "ds": ds,
        "params": params,
        "ti": ti["task_id"],
        "conf": dag_run["conf"],
        "connections": connections,
        "variables": variables,
        "arguments": sys.argv[1:],
        "airflow": sorted(name for name in os.environ if "AIRFLOW" in name),
    }


with DAG("weather.operators", schedule=None, start_date=START, default_args={"retries": 0, "plain": "by default"}):
    IsolatedOperator(task_id="steps", text="{{ ds }}", retries=3, arguments={"image": "own"}, **STEPS)
    IsolatedOperator(task_id="file", text="text.txt", plain="{{ ds }}", **STEPS)
    one = task(task_id="one")(lambda: "by XCom")()
    IsolatedOperator(task_id="after_one", text=one, **STEPS)
    IsolatedOperator.partial(task_id="many", **STEPS).expand(text=["{{ ds }}", "b"])
    for name in ("Unreadable", "Deferring", "Rescheduling", "OwnBranch", "Absent"):
        IsolatedOperator(task_id=name, image="legacy", operator=f"shared.operators.{name}")
    IsolatedOperator(
        task_id="Endless",
        image="legacy",
        operator="shared.operators.Endless",
        execution_timeout=timedelta(seconds=1),
    )

with DAG("weather.interpreters", schedule=None, start_date=START, params={"station": "Kiel"}):
    IsolatedOperator(
        task_id="given",
        python_callable=given,
        op_kwargs={"value": "{{ params.station }}.sh"},
        connections=["warehouse"],
        variables=["threshold"],
        **OLD,
    )
    IsolatedOperator(task_id="no_json_in", python_callable=given, op_kwargs={"value": {1, 2}}, **OLD)
    IsolatedOperator(task_id="script", environment="sh", script='printf \'["%s"]\' "{{ ds }}" > "$ARIEL_RESULT"\n')
    IsolatedOperator(task_id="broken", environment="sh", script="echo one\necho two >&2\nexit 3\n")
    IsolatedOperator(task_id="no_json_out", environment="sh", script='echo "[" > "$ARIEL_RESULT"\nexit 0\n')
    IsolatedOperator(task_id="unknown", environment="no-such-interpreter", script="x\n")
    IsolatedOperator(
        task_id="second_try",
        environment="sh",
        script="""
            if ! test -e tried; then touch tried; echo "first try"; exit 1; fi
            echo {{ ti.try_number }} > "$ARIEL_RESULT"
        """,
        retries=1,
        retry_delay=timedelta(),
    )
    IsolatedOperator(
        task_id="too_slow",
        environment="sh",
        script='sleep 600 & echo "left behind: $!"\nwait\n',
        execution_timeout=timedelta(seconds=2),
    )

    @task.isolated(**OLD)
    def nothing():
        pass

    @task.isolated(**OLD)
    def large():
        return "x" * 2**20

    @task.isolated(**OLD)
    def no_json():
        return {1, 2}

    @task.isolated(multiple_outputs=True, **OLD)
    def several():
        return {"low": -3, "high": 9}

    @task.isolated(**OLD)
    def doubled(number):
        return 2 * number

    @task.isolated(**OLD)
    def total(numbers):
        return sum(numbers)

    nothing(), large(), no_json()
    outputs = several()
    total.override(task_id="of_several")([outputs["low"], outputs["high"]])
    total(doubled.expand(number=[1, 2, 3]))

with DAG("weather.around", schedule=None, start_date=START):

    @setup
    @task.isolated(**OLD)
    def begin():
        return "begun"

    @teardown
    @task.isolated(**OLD)
    def end():
        return "ended"

    work = IsolatedOperator(
        task_id="work",
        environment="sh",
        script="exit 1\n",
        on_failure_callback=said("failure"),
        on_execute_callback=said("execute"),
    )
    good = IsolatedOperator(task_id="good", environment="sh", script="exit 0\n", on_success_callback=said("success"))
    begin() >> [work, good] >> end()
