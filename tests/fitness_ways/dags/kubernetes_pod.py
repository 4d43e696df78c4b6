"""The fitness tasks by KubernetesPodOperator: what is no program in the image already stands in the DAG as text."""

from __future__ import annotations

import json

import pendulum
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG

POD = {"image": "registry.example/weather/legacy:3.3.2-0123456789ab", "in_cluster": True, "do_xcom_push": True}
SQL = {
    "AIRFLOW_CONN_STATIONS": "{{ conn.stations.get_uri() }}",
    "SQL": "{% include 'sql/coldest.sql' %}",
}
STATION = {"station": "Brocken"}
VALUES = {"DAY": "{{ ds }}", "VALUES": json.dumps([3, 9, -2, 6])}

QUERIED = """\
import json, os
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
rows = SQLExecuteQueryOperator(task_id="query", conn_id="stations", sql=os.environ["SQL"]).execute({})
json.dump(rows, open("/airflow/xcom/return.json", "w"))
"""
QUERIED_BY_AN_OLDER_PROVIDER = """\
import json, os
from airflow.providers.postgres.operators.postgres import PostgresOperator
rows = PostgresOperator(task_id="query", postgres_conn_id="stations", sql=os.environ["SQL"]).execute({})
json.dump(rows, open("/airflow/xcom/return.json", "w"))
"""
MEAN = """\
require "json"
values = JSON.parse(ENV["VALUES"])
result = { "day" => ENV["DAY"], "mean" => values.sum / values.size }
File.write("/airflow/xcom/return.json", JSON.generate(result))
"""
COMPARED = """\
import json, os
from include.comparison import described
result = described(os.environ["DAY"], json.loads(os.environ["VALUES"]))
json.dump(result, open("/airflow/xcom/return.json", "w"))
"""
MATCHED = """\
import json, os
same = json.loads(os.environ["FIRST"]) == json.loads(os.environ["SECOND"])
print("match" if same else "differ")
json.dump(same, open("/airflow/xcom/return.json", "w"))
"""

with DAG("weather.kubernetes_pod", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    KubernetesPodOperator(task_id="sql", cmds=["python", "-c", QUERIED], env_vars=SQL, params=STATION, **POD)
    KubernetesPodOperator(
        task_id="sql_of_an_older_provider",
        cmds=["python", "-c", QUERIED_BY_AN_OLDER_PROVIDER],
        env_vars=SQL,
        params=STATION,
        **POD,
    )
    KubernetesPodOperator(task_id="ruby", cmds=["ruby", "-e", MEAN], env_vars=VALUES, **POD)
    new = KubernetesPodOperator(task_id="function", cmds=["python", "-c", COMPARED], env_vars=VALUES, **POD)
    old = KubernetesPodOperator(
        task_id="function_of_an_older_python", cmds=["python2.7", "-c", COMPARED], env_vars=VALUES, **POD
    )
    KubernetesPodOperator(
        task_id="match",
        cmds=["python2.7", "-c", MATCHED],
        env_vars={
            "FIRST": "{{ ti.xcom_pull('function') | tojson }}",
            "SECOND": "{{ ti.xcom_pull('function_of_an_older_python') | tojson }}",
        },
        **POD,
    ).set_upstream([new, old])
