"""Runs of DAGs by Airflow's own task runner, all in one process, on a database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPT = """
import contextlib, io, json, logging, sys
from pathlib import Path
from airflow.utils import db
db.initdb()
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.pool import Pool
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

Pool.create_or_update_pool("weather", slots=9, description="", include_deferred=False)
root = Path(sys.argv[1])
bag = BundleDagBag(root, bundle_name="weather", bundle_path=root)
assert not bag.import_errors, bag.import_errors
found = {}
for dag in bag.dags.values():
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        dag.test(run_conf={"asked": "by a test"})
    with create_session() as session:
        states = {
            f"{each.task_id}[{each.map_index}]": str(each.state)
            for each in session.scalars(select(TaskInstance).where(TaskInstance.dag_id == dag.dag_id))
        }
        results = {
            f"{each.task_id}[{each.map_index}].{each.key}": XComModel.deserialize_value(each)
            for each in session.scalars(select(XComModel).where(XComModel.dag_id == dag.dag_id))
        }
    found[dag.dag_id] = {
        "states": states,
        "results": results,
        "said": said.getvalue(),
        "pods": {task.task_id: task.executor_config for task in dag.tasks},
        "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
    }
Path(sys.argv[2]).write_text(json.dumps(found, default=str))
"""


def run_dags(repository: Path, home: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """What became of each DAG of a repository: states, results, what its tasks said, and the pods that they ask for."""
    bundle = {
        "name": "weather",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(repository)},
    }
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": os.devnull,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    answer = home / "found.json"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(repository), str(answer)],
        env={**os.environ, **settings, **environment},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    found: dict[str, Any] = json.loads(answer.read_text())
    return found
