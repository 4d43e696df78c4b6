"""`python -m ariel_runtime.laptop.render DAG [CONF]`: what its tasks would be given; runs none, asks no database.

Prints {"tasks": [{id, operator, fields: [{name, value, fault}]}]}. The result of another task, as there is none, reads
`<result of TASK>`; what only a run can tell is a fault. Secrets are masked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from ariel_runtime.document import document
from ariel_runtime.laptop.bundle import one_dag
from ariel_runtime.laptop.unstarted import unstarted

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.sdk.types import Operator


class _NotRun(RuntimeTaskInstance):
    """A task of a run in which nothing has happened."""

    def xcom_pull(self, task_ids: str | Iterable[str] | None = None, *_: Any, **more: Any) -> str:
        key = more.get("key", "return_value")
        named = task_ids if isinstance(task_ids, str) else ", ".join(task_ids or ("?",))
        return f"<result of {named}>" if key == "return_value" else f"<{key} of {named}>"


def rendered(dag: DAG, conf: dict[str, Any]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {"id": task.task_id, "operator": task.task_type, "fields": list(_fields(task, now, conf))}
        for task in dag.topological_sort()
    ]


def _fields(task: Operator, now: datetime, conf: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if isinstance(task, MappedOperator):
        mapped = "mapped: how many there are, and what each is given, shows when it runs"
        yield {"name": "expand", "value": None, "fault": mapped}
        return
    instance = unstarted(task, run_id="dry-run", moment=now, conf=conf, kind=_NotRun)
    context = instance.get_template_context()
    environment = task.get_template_env()
    for name in task.template_fields:
        value: str | None = None
        fault: str | None = None
        try:
            value = str(task.render_template(getattr(task, name), context, environment))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this field's
            fault = f"{type(error).__name__}: {error}"
        yield {"name": name, "value": redact(value), "fault": redact(fault)}


def main(dag_id: str, conf: str = "{}") -> None:
    with document() as found:
        found["tasks"] = rendered(one_dag(dag_id), json.loads(conf))


if __name__ == "__main__":
    main(*sys.argv[1:])
