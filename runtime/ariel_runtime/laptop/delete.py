"""`python -m ariel_runtime.laptop.delete DAG`: what the database keeps of a DAG that no file has any more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow.api.common.delete_dag import delete_dag
from airflow.exceptions import DagNotFound
from airflow.models.dag import DagModel
from airflow.utils.session import create_session

from ariel_runtime.laptop.bundle import parsed, relative
from ariel_runtime.refusal import Problem

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import BundleDagBag


def against(dag_id: str, last_seen_in: str | None, bag: BundleDagBag) -> Problem | None:
    """Why it may still be there; `last_seen_in` is its file of old, relative to the repository."""
    if dag := bag.dags.get(dag_id):
        rule, action = "a DAG that no file has any more", "remove or rename it there first"
        return Problem(path=dag.fileloc, value=dag_id, rule=rule, action=action)
    if last_seen_in in {relative(bag, file) for file in bag.import_errors}:
        rule = f"a file that can be parsed, so that it can be told whether it still has {dag_id}"
        return Problem(path=last_seen_in, value="broken", rule=rule, action="mend it first, see `ariel dags list`")
    return None


def main(dag_id: str) -> None:
    with create_session() as session:
        known = session.get(DagModel, dag_id)
        last_seen_in = known.relative_fileloc if known else None
    if problem := against(dag_id, last_seen_in, parsed()):
        sys.exit(str(problem))
    try:
        delete_dag(dag_id)
    except DagNotFound:
        rule, action = "a DAG that the database knows", "see `ariel airflow dags list`"
        sys.exit(str(Problem(path="DAG", value=dag_id, rule=rule, action=action)))


if __name__ == "__main__":
    main(*sys.argv[1:])
