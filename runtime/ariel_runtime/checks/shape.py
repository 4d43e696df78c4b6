"""What a revision of a repository is to its runs, as plain data: DAGs, tasks, triggers.

Two of them are compared by `rehydration`. Paths and the names that Airflow makes of paths are not in it, so that the
same text gives the same shape wherever it lies.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ariel_runtime.checks.triggers import TriggerShape, triggers
from ariel_runtime.pod_request import KEY

if TYPE_CHECKING:
    from airflow.sdk import DAG

DYNAMIC: Final = -1
"""Length of a mapping that only the run knows."""
_OF_A_PATH: Final = re.compile(r"unusual_prefix_[0-9a-f]{40}_")
"""Airflow puts it before the module name of a DAG file, as a digest of its path."""


@dataclass(frozen=True, kw_only=True)
class TaskShape:
    operator: str
    """Dotted name of its class."""
    mapped: int | None
    """Number of its instances where the file says it, DYNAMIC where not; None for a task that is not mapped."""
    group: str
    xcom: str
    """Type of what it returns, as it is annotated; empty where it is not."""
    image: str
    """With its tag, where it is one of the repository's own."""
    identity: str


@dataclass(frozen=True, kw_only=True)
class DagShape:
    dag_id: str
    file: str
    line: int
    pinned: bool
    """Whether its runs stay on the revision that they began with."""
    schedule: str
    params: Mapping[str, str]
    tasks: Mapping[str, TaskShape]
    modules: tuple[str, ...]
    """Files of the repository that its file imports."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    dags: Mapping[str, DagShape]
    triggers: Mapping[str, TriggerShape] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    """Files that could not be imported, whose DAGs are therefore not in it."""

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Shape:
        dags = {
            dag_id: DagShape(
                **{
                    **dag,
                    "tasks": {name: TaskShape(**task) for name, task in dag["tasks"].items()},
                    "modules": tuple(dag["modules"]),
                }
            )
            for dag_id, dag in document["dags"].items()
        }
        found = {name: TriggerShape.of_json(each) for name, each in document["triggers"].items()}
        return cls(dags=dags, triggers=found, failed=tuple(document["failed"]))


def repository_shape(root: Path, bundle: Path, dags: Mapping[str, DagShape], failed: tuple[str, ...]) -> Shape:
    """`dags` as they were parsed; the rest is read from files."""
    trees = {}
    for path in python_files(root):
        try:
            trees[str(path.relative_to(root))] = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
    return Shape(dags=dags, triggers=triggers(root, bundle, trees), failed=failed)


def python_files(root: Path) -> list[Path]:
    """Those that are delivered to be run: neither hidden nor tests."""
    return [
        path
        for path in sorted(root.rglob("*.py"))
        if not any(part.startswith(".") or part in ("tests", "__pycache__") for part in path.relative_to(root).parts)
    ]


def dag_shape(root: Path, dag: DAG) -> DagShape:
    """Of a DAG whose file this process has just imported, and no other file. Raises what its serialisation raises."""
    from airflow.serialization.serialized_objects import DagSerialization

    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    file = Path(dag.fileloc)
    return DagShape(
        dag_id=dag.dag_id,
        file=str(file.relative_to(root)),
        line=line_of(file, dag.dag_id),
        pinned=not dag.disable_bundle_versioning,
        schedule=_schedule(dag),
        params={name: _text(value) for name, value in dag.params.dump().items()},
        tasks={task.task_id: _task(task, stored.get_task(task.task_id)) for task in dag.tasks},
        modules=tuple(sorted(_loaded(root))),
    )


def line_of(file: Path, text: str) -> int:
    """The first line that holds the text in quotation marks; 1 where none does."""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if f'"{text}"' in line or f"'{text}'" in line:
            return number
    return 1


def _loaded(root: Path) -> set[str]:
    places = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    files = (Path(place) for place in places if place)
    return {str(file.relative_to(root)) for file in files if file.is_relative_to(root)}


def _schedule(dag: DAG) -> str:
    from airflow.serialization.encoders import encode_timetable

    if dag.schedule is None or isinstance(dag.schedule, str):
        return str(dag.schedule)
    return _text(encode_timetable(dag.timetable))


def _task(task: Any, stored: Any) -> TaskShape:
    operator = getattr(task, "operator_class", type(task))
    given = getattr(task, "partial_kwargs", {})
    asked = task.executor_config.get(KEY, {}) if isinstance(task.executor_config, dict) else {}
    function = getattr(task, "python_callable", None) or given.get("python_callable") or operator.execute
    return TaskShape(
        operator=_OF_A_PATH.sub("", f"{operator.__module__}.{operator.__qualname__}"),
        mapped=_mapped(stored),
        group=(task.task_group.group_id or "") if task.task_group else "",
        xcom=_returned(function),
        image=str(asked.get("image") or getattr(task, "image", None) or given.get("image") or ""),
        identity=str(asked.get("identity") or ""),
    )


def _mapped(stored: Any) -> int | None:
    from airflow.exceptions import NotMapped
    from airflow.models.expandinput import NotFullyPopulated

    try:
        return int(stored.get_parse_time_mapped_ti_count())
    except NotMapped:
        return None
    except NotFullyPopulated:
        return DYNAMIC


def _returned(function: Any) -> str:
    annotation = getattr(function, "__annotations__", {}).get("return", Any)
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return "" if text in ("Any", "typing.Any") else _OF_A_PATH.sub("", text)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
