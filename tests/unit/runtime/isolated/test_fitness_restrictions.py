"""The fitness DAGs are worth something only if their author needed to know nothing of where the tasks run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import ways

FORBIDDEN = (
    *("volume", "mount", "pod", "kubernetes", "k8s", "docker", "container", "namespace", "executor_config"),
    *("service_account", "security_context", "sidecar", "affinity", "toleration", "node_selector"),
)
OWN_ARGUMENTS = frozenset(("image", "environment", "operator"))
"""Where the task runs; the class stands in an argument where a plain task imports it."""
FORM = frozenset(("python_callable", "script"))
CALLS = frozenset(("IsolatedOperator", "task.isolated"))
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
    files = sorted(ways.FITNESS.rglob("*.py"))
    assert ways.ISOLATED.files[0] in files
    assert {str(file): offences(file.read_text()) for file in files} == {str(file): [] for file in files}


@pytest.mark.parametrize("source", ["f(volumes=[])", "import docker", "x.pod_override", "k = {'executor_config': 1}"])
def test_the_check_sees_what_is_forbidden(source: str) -> None:
    assert offences(source)


def test_an_isolated_task_says_no_more_than_a_plain_one_and_where_it_runs() -> None:
    """One that rebuilds a plain way in a more complex form fails."""
    tree = ast.parse(ways.ISOLATED.files[0].read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS]
    assert len(calls) == 6
    for call in calls:
        given = {keyword.arg for keyword in call.keywords if keyword.arg}
        assert given - OWN_ARGUMENTS - FORM <= PLAIN, ast.unparse(call)


def isolated_lines(way: ways.Way, task: str) -> int:
    """Without what says where the task runs."""
    found = ways.author_lines(way, task, without=OWN_ARGUMENTS)
    assert found is not None
    return found


@pytest.mark.parametrize("task", ways.TASKS)
def test_an_isolated_task_takes_no_more_code_of_its_author_than_a_plain_one(task: str) -> None:
    plain = ways.author_lines(ways.PLAIN, task)
    assert plain is not None
    assert isolated_lines(ways.ISOLATED, task) <= plain


@pytest.mark.parametrize(
    ("task", "before", "after"),
    [
        ("sql", "        **QUERY,\n", "        **QUERY,\n        retries=3,\n"),
        ("function", "    return described(ds, values)", "    values = list(values)\n    return described(ds, values)"),
        ("match", "        return first == second", "        same = first == second\n        return same"),
        ("ruby", 'op_kwargs={"values": VALUES}', 'op_kwargs={"values": listed(VALUES)}'),
    ],
)
def test_the_check_sees_code_that_the_plain_task_does_without(
    tmp_path: Path, task: str, before: str, after: str
) -> None:
    text = ways.ISOLATED.files[0].read_text()
    assert before in text
    file = tmp_path / "fitness.py"
    more = "\n\ndef listed(values):\n    return list(values)\n"
    file.write_text(text.replace(before, after) + more)
    longer = ways.Way(name="longer", files=(file,), outcomes={})
    assert isolated_lines(longer, task) > isolated_lines(ways.ISOLATED, task)
