"""`python -m ariel_runtime.laptop.graph`: the repository's DAGs, and which task follows which.

Prints {"dags": [{dag_id, file, schedule, tasks: [{id, operator, group, downstream: [id]}]}], "broken": [{file, text}]}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.serialization.encoders import coerce_to_core_timetable

from ariel_runtime.document import document
from ariel_runtime.laptop.bundle import parsed, relative

if TYPE_CHECKING:
    from airflow.sdk import DAG


def _tasks(dag: DAG) -> list[dict[str, Any]]:
    """In an order in which they can run."""
    return [
        {
            "id": task.task_id,
            "operator": task.task_type,
            "group": task.task_group.group_id if task.task_group else None,
            "downstream": sorted(task.downstream_task_ids),
        }
        for task in dag.topological_sort()
    ]


def main() -> None:
    with document() as found:
        bag = parsed()
        found["dags"] = [
            {
                "dag_id": dag.dag_id,
                "file": relative(bag, dag.fileloc),
                "schedule": coerce_to_core_timetable(dag.timetable).summary,
                "tasks": _tasks(dag),
            }
            for dag in sorted(bag.dags.values(), key=lambda each: each.dag_id)
        ]
        found["broken"] = [
            {"file": relative(bag, file), "text": text.strip()} for file, text in sorted(bag.import_errors.items())
        ]


if __name__ == "__main__":
    main()
