"""`python -m ariel_runtime.laptop.operator MODULE:CLASS < ARGUMENTS`: one operator as the only task of a DAG, run here.

ARGUMENTS is a JSON object. What the task returns is printed; status 0 if it succeeds.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any, Final

from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.sdk import DAG, BaseOperator

from ariel_runtime.laptop.prepare import prepare
from ariel_runtime.laptop.run import run
from ariel_runtime.policies import own_slug
from ariel_runtime.refusal import Problem

_NAME: Final = "one_operator"
_TASK: Final = "operator"


def dag_of(name: str, arguments: dict[str, Any]) -> DAG:
    with DAG(f"{own_slug()}.{_NAME}", schedule=None) as dag:
        _class(name)(**{"task_id": _TASK, "post_execute": _show, **arguments})
    dag.relative_fileloc = f"{_NAME}.py"
    return dag


def _show(_: Any, result: Any) -> None:
    print("result:", result)


def _class(name: str) -> type[BaseOperator]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        sys.exit(_refusal(name, f"module:Class of an operator ({error})"))
    if not (isinstance(found, type) and issubclass(found, BaseOperator)):
        sys.exit(_refusal(name, "an operator: a subclass of airflow.sdk.BaseOperator"))
    return found


def _refusal(name: str, rule: str) -> str:
    action = "name one such as airflow.providers.standard.operators.bash:BashOperator"
    return str(Problem(path="OPERATOR", value=name, rule=rule, action=action))


def main(name: str) -> None:
    dag = dag_of(name, json.load(sys.stdin))
    prepare()
    bag = DagBag(dag_folder=None, collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, str(own_slug()), None)
    sys.exit(run(dag, {}))


if __name__ == "__main__":
    main(*sys.argv[1:])
