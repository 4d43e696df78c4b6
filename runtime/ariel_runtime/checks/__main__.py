"""`python -m ariel_runtime.checks REPOSITORY BUNDLE < ASKED`: what is to be said of a checkout, and what it is.

BUNDLE is the folder in it that is delivered. ASKED is one JSON document:
    {"checks": [name, ...], "budget": seconds for the import of a file,
     "inventory": as in `secrets`, or null where no environment was asked,
     "base": the `shape` of an older revision, or null}
Prints one: {"findings": [as in `finding`], "changes": [as in `rehydration`], "shape": as in `shape`,
"parsed_by": {"python", "packages": {Airflow, its providers and ariel's runtime: version}}}. DAG files are the author's
code: run this in a process that may be lost. It guards against accidents, not against malice.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from ariel_runtime.checks import budget, ids, imports, policies, rehydration, secrets, top_level
from ariel_runtime.checks.parsing import ParsedFile, parse
from ariel_runtime.checks.shape import DagShape, Shape, repository_shape
from ariel_runtime.document import document

_COMPARED: Final = ("apache-airflow", "ariel-runtime")
"""How the names of packages begin whose versions may be another in an environment."""


def answer(root: Path, bundle: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    parsed = list(parse(root, bundle, asked["budget"]))
    rules = {
        imports.CHECK: lambda: imports.findings(root, parsed),
        policies.CHECK: lambda: policies.findings(parsed),
        ids.CHECK: lambda: ids.findings(parsed),
        budget.CHECK: lambda: budget.findings(parsed, asked["budget"]),
        top_level.CHECK: lambda: top_level.findings(parsed),
        secrets.CHECK: lambda: secrets.findings(root, parsed, asked["inventory"]),
    }
    shape = _shape(root, bundle, parsed)
    base = asked["base"]
    return {
        "findings": [asdict(each) for check in asked["checks"] for each in rules[check]()],
        "changes": [] if base is None else [asdict(each) for each in rehydration.changes(Shape.of_json(base), shape)],
        "shape": asdict(shape),
        "parsed_by": {"python": platform.python_version(), "packages": _packages()},
    }


def _packages() -> dict[str, str]:
    named = ((each.metadata["Name"], each.version) for each in distributions())
    return {name: version for name, version in named if name.startswith(_COMPARED)}


def _shape(root: Path, bundle: Path, parsed: list[ParsedFile]) -> Shape:
    dags: dict[str, DagShape] = {}
    for dag in (dag for file in parsed for dag in file.dags):
        dags.setdefault(dag.dag_id, dag)
    return repository_shape(root, bundle, dags, tuple(file.file for file in parsed if file.failures))


def main(root: str, bundle: str) -> None:
    asked = json.load(sys.stdin)
    with document() as found:
        found.update(answer(Path(root).resolve(), Path(bundle).resolve(), asked))


if __name__ == "__main__":
    main(*sys.argv[1:])
