"""What a repository names: by the text of every Python file, and by parsing the DAGs.

The connections that an operator takes by default are in no text. A DAG file is the author's code: do this in a process
that may be lost, without credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ariel_runtime.checks.named_in_source import Named, Unknown, named_in_source, named_in_template
from ariel_runtime.checks.shape import python_files
from ariel_runtime.secrets.names import Kind

Document = dict[str, list[dict[str, Any]]]


def needs(root: Path, dags: Path) -> Document:
    """Of a repository that this process parses; `dags` lies in `root`, and files are named relative to that.

    {"named": [{file, line, kind, id, optional}], "unknown": [{file, line, kind, text}], "broken": [{file, text}]}
    """
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(str(dags), bundle_name="check", bundle_path=dags)
    failed = {str((dags / file).relative_to(root)): text for file, text in bag.import_errors.items()}
    parsed = {
        replace(each, file=str(Path(dag.fileloc).relative_to(root)))
        for dag in bag.dags.values()
        for each in named_by_tasks(dag.tasks)
    }
    return needs_of(root, parsed, failed)


def needs_of(root: Path, parsed: Set[Named], failed: Mapping[str, str]) -> Document:
    """As `needs`, of what was parsed elsewhere; `failed` is file -> why it was not."""
    named: set[Named] = set()
    unknown: set[Unknown] = set()
    broken: dict[str, str] = {}
    for path in python_files(root):
        file = str(path.relative_to(root))
        try:
            found, puzzles = named_in_source(file, path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError) as error:
            broken[file] = str(error)
            continue
        named.update(found)
        unknown.update(puzzles)
    said = {(each.kind, each.id) for each in named}
    named.update(each for each in parsed if (each.kind, each.id) not in said)
    broken = {**failed, **broken}
    return {
        "named": [asdict(each) for each in sorted(named)],
        "unknown": [asdict(each) for each in sorted(unknown)],
        "broken": [{"file": file, "text": text} for file, text in sorted(broken.items())],
    }


def named_by_tasks(tasks: Iterable[Any]) -> Iterator[Named]:
    """At the line 1 of no file: a task does not know where it was written."""
    for task in tasks:
        for kind, name in _of_task(task):
            yield Named(file="", line=1, kind=str(kind), id=name)


def _of_task(task: Any) -> Iterator[tuple[Kind, str]]:
    fields = {**vars(task), **getattr(task, "partial_kwargs", {})}
    for name, value in fields.items():
        if isinstance(value, str) and value and (name == "conn_id" or name.endswith("_conn_id")):
            yield Kind.CONNECTION, value
    for name in getattr(task, "template_fields", ()):
        for text in _texts(fields.get(name)):
            yield from named_in_template(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
