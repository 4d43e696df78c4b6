"""What a repository names: by the text of every Python file, and by parsing the DAGs.

The connections that an operator takes by default are in no text. A DAG file is the author's code: do this in a process
that may be lost, without credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ariel_runtime.checks.named_in_source import Named, Unknown, named_in_source, named_in_template
from ariel_runtime.secrets.names import Kind

Document = dict[str, list[dict[str, Any]]]


def needs(root: Path, dags: Path) -> Document:
    """`dags` lies in `root`; files are named relative to that.

    {"named": [{file, line, kind, id, optional}], "unknown": [{file, line, kind, text}], "broken": [{file, text}]}
    """
    named: set[Named] = set()
    unknown: set[Unknown] = set()
    broken: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        if any(part.startswith(".") or part in ("tests", "__pycache__") for part in path.relative_to(root).parts):
            continue
        file = str(path.relative_to(root))
        try:
            found, puzzles = named_in_source(file, path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError) as error:
            broken[file] = str(error)
            continue
        named.update(found)
        unknown.update(puzzles)
    said = {(each.kind, each.id) for each in named}
    parsed, failed = _parsed(root, dags)
    named.update(each for each in parsed if (each.kind, each.id) not in said)
    broken = {**failed, **broken}
    return {
        "named": [asdict(each) for each in sorted(named)],
        "unknown": [asdict(each) for each in sorted(unknown)],
        "broken": [{"file": file, "text": text} for file, text in sorted(broken.items())],
    }


def _parsed(root: Path, dags: Path) -> tuple[set[Named], dict[str, str]]:
    """What the tasks of the parsed DAGs name, at the line 1 of their file; file -> why it was not parsed."""
    from airflow.dag_processing.dagbag import BundleDagBag

    bag = BundleDagBag(str(dags), bundle_name="check", bundle_path=dags)
    failed = {str((dags / file).relative_to(root)): text for file, text in bag.import_errors.items()}
    found = set()
    for dag in bag.dags.values():
        file = str(Path(dag.fileloc).relative_to(root))
        for task in dag.tasks:
            for kind, name in _of_task(task):
                found.add(Named(file=file, line=1, kind=str(kind), id=name))
    return found, failed


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
