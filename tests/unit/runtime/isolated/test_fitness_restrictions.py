"""The fitness DAGs are worth something only if their author needed to know nothing of where the tasks run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FITNESS = Path(__file__).parents[3] / "fitness"
FORBIDDEN = ("volume", "mount", "pod", "kubernetes", "k8s", "docker", "container", "namespace", "executor_config")
OWN_ARGUMENTS = frozenset(("image", "environment"))
FORM = frozenset(("operator", "python_callable", "script"))
WAYS = frozenset(("IsolatedOperator", "task.isolated"))
PLAIN = frozenset(("task_id", "op_args", "op_kwargs", "sql", "params", "postgres_conn_id"))
"""What the plain operators of these six tasks are given."""


def names(source: str) -> set[str]:
    """Every name, argument, attribute and text of a program."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "arg", "attr", "name", "module", "value"):
            if isinstance(text := getattr(node, field, None), str):
                found.add(text)
    return found


def offences(source: str) -> list[str]:
    return sorted(name for name in names(source) if any(word in name.lower() for word in FORBIDDEN))


def test_the_dags_know_no_volumes_and_no_kubernetes() -> None:
    files = sorted(FITNESS.glob("dags/**/*.py"))
    assert files
    assert {file.name: offences(file.read_text()) for file in files} == {file.name: [] for file in files}


@pytest.mark.parametrize("source", ["f(volumes=[])", "import docker", "x.pod_override", "k = {'executor_config': 1}"])
def test_the_check_sees_what_is_forbidden(source: str) -> None:
    assert offences(source)


def test_an_isolated_task_says_no_more_than_a_plain_one_and_where_it_runs() -> None:
    """One that rebuilds a plain way in a more complex form fails."""
    tree = ast.parse((FITNESS / "dags" / "fitness.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in WAYS]
    assert len(calls) == 6
    for call in calls:
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        assert given - OWN_ARGUMENTS - FORM <= PLAIN, ast.unparse(call)
