"""`python -m ariel_runtime.laptop.run DAG [CONF]`: one run in this process, task by task; status 0 if it succeeds."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from airflow.sdk._shared.secrets_masker import RedactedIO
from airflow.utils.state import DagRunState, TaskInstanceState

from ariel_runtime.laptop.bundle import one_dag
from ariel_runtime.laptop.prepare import prepare

if TYPE_CHECKING:
    from airflow.sdk import DAG


def run(dag: DAG, conf: dict[str, Any]) -> int:
    """Says how it ended on standard error."""
    # What a task prints would otherwise go past the logs, which mask secrets.
    with redirect_stdout(RedactedIO()):
        ended = dag.test(run_conf=conf)
    failed = sorted(each.task_id for each in ended.get_task_instances() if each.state == TaskInstanceState.FAILED)
    print(f"{dag.dag_id}: {ended.state}{': ' * bool(failed)}{', '.join(failed)}", file=sys.stderr)
    return 0 if ended.state == DagRunState.SUCCESS else 1


def main(dag_id: str, conf: str = "{}") -> None:
    dag = one_dag(dag_id)
    prepare()
    sys.exit(run(dag, json.loads(conf)))


if __name__ == "__main__":
    main(*sys.argv[1:])
