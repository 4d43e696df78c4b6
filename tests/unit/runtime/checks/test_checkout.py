"""Everything that may be wrong with a checkout's DAG files, found in one go and told with file and line."""

from __future__ import annotations

from typing import Any

import pytest
from ariel_runtime.checks import budget
from ariel_runtime.checks.parsing import ParsedFile

from tests.unit.runtime.checks.checkout import answer

GOOD = """
from airflow.sdk import dag, task
from ariel_runtime.isolated import IsolatedOperator
from shared.rows import rows


@dag(dag_id="weather.good", schedule="@daily", params={"city": "Hamburg"})
def good():
    @task
    def read() -> list[int]:
        return rows()

    @task(executor_config={"ariel": {"identity": "counts"}})
    def each(row: int) -> None: ...

    @task
    def city(name: str) -> str:
        return name

    each.expand(row=read())
    city.expand(name=["a", "b"])
    IsolatedOperator(task_id="old", image="reports", operator="no.such.Operator")


good()
"""
FILES = {
    "dags/good.py": GOOD,
    "images/lock.json": '{"reports": "3.3.2-1"}',
    "shared/rows.py": "def rows():\n    return [1]\n",
    "dags/imports_a_broken_module.py": "from airflow.sdk import DAG\nimport shared.broken\n",
    "shared/broken.py": "\n\nraise RuntimeError('cannot be imported')\n",
    "shared/unread.py": "x = 1\ndef broken(:\n",
    "dags/ends.py": "import os  # an airflow dag\nos._exit(3)\n",
    "dags/hangs.py": "import time  # an airflow dag\ntime.sleep(60)\n",
    "dags/twice.py": """
from airflow.sdk import DAG, task

a = DAG("weather.good")
b = DAG("weather.twice")
with DAG("weather.twice"):

    @task
    def say(): ...

    say()
""",
    "dags/foreign.py": "from airflow.sdk import DAG\n\na = DAG('mobility.a')\nb = DAG('mobility.b')\n",
    "dags/early.py": """
import os, socket, subprocess
from airflow.sdk import DAG, Variable
from shared.rows import rows
Variable.get("city", default="x")
subprocess.run(["true"])
open("/dev/null", "w").close()
open(__file__).close()
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError:
    pass
early = DAG("weather.early")
""",
}
BUDGET = 8.0


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("a repository")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / ".airflowignore").write_text("shared/\n")
    checks = ["imports", "policies", "ids", "budget", "top-level"]
    home = tmp_path_factory.mktemp("home")
    found = answer(root, home, bundle=".", budget=BUDGET, checks=checks)
    assert str(root) not in str(found)
    return found


def places(told: dict[str, Any], check: str) -> dict[str, tuple[str, str]]:
    """`file:line` -> state and reason."""
    found = [each for each in told["findings"] if each["check"] == check]
    return {f"{each['file']}:{each['line']}": (each["state"], each["reason"]) for each in found}


def test_an_import_error_names_the_innermost_line_of_the_repository_and_the_reason(told: dict[str, Any]) -> None:
    found = places(told, "imports")
    said = "RuntimeError: cannot be imported (imported by dags/imports_a_broken_module.py)"
    assert found["shared/broken.py:3"] == ("broken", said)
    assert found["shared/unread.py:2"][0] == "broken"


def test_a_file_that_ends_its_process_or_never_ends_costs_no_other_file_its_judgement(told: dict[str, Any]) -> None:
    found = places(told, "imports")
    assert found["dags/ends.py:1"] == ("broken", "ends the process that imports it")
    assert "import timeout for dags/hangs.py" in found["dags/hangs.py:2"][1]
    assert "weather.good" in told["shape"]["dags"]


def test_every_dag_that_a_policy_refuses_is_told_not_only_the_last_of_a_file(told: dict[str, Any]) -> None:
    found = places(told, "policies")
    assert set(found) == {"dags/foreign.py:3", "dags/foreign.py:4"}
    assert all("begins with 'weather.'" in reason for _, reason in found.values())


def test_an_id_that_two_dags_have_is_told_within_one_file_and_between_two(told: dict[str, Any]) -> None:
    assert set(places(told, "ids")) == {"dags/twice.py:4", "dags/twice.py:5"}


def test_a_file_that_takes_long_is_a_warning_before_it_is_an_import_error(told: dict[str, Any]) -> None:
    assert places(told, "budget")["dags/hangs.py:1"][0] == "broken"
    files = [ParsedFile(file=f"{seconds}.py", seconds=seconds) for seconds in (1, 6, 11)]
    states = {each.file: str(each.state) for each in budget.findings(files, 10)}
    assert states == {"6.py": "warning", "11.py": "broken"}


def test_what_belongs_into_a_task_is_told_with_its_line_and_reading_a_file_does_not(told: dict[str, Any]) -> None:
    found = [(each["file"], each["line"], each["kind"]) for each in told["findings"] if each["check"] == "top-level"]
    assert sorted(set(found)) == [
        ("dags/early.py", 5, "variable"),
        ("dags/early.py", 6, "process"),
        ("dags/early.py", 7, "file"),
        ("dags/early.py", 10, "network"),
    ]


def test_a_dag_is_described_by_what_its_runs_depend_on(told: dict[str, Any]) -> None:
    dag = told["shape"]["dags"]["weather.good"]
    assert (dag["file"], dag["pinned"], dag["schedule"]) == ("dags/good.py", True, "@daily")
    assert dag["params"] == {"city": '"Hamburg"'}
    assert dag["modules"] == ["dags/good.py", "shared/rows.py"]
    described = {name: (task["mapped"], task["xcom"], task["identity"]) for name, task in dag["tasks"].items()}
    assert described == {
        "read": (None, "list[int]", ""),
        "each": (-1, "None", "counts"),
        "city": (2, "str", ""),
        "old": (None, "", ""),
    }
    assert dag["tasks"]["old"]["image"] == "reports:3.3.2-1", "another build of a child image would be no difference"


def test_what_cannot_be_imported_is_known_to_be_there(told: dict[str, Any]) -> None:
    """Its DAGs are not gone, so no run in flight is said to lose them."""
    assert {"dags/ends.py", "dags/imports_a_broken_module.py"} <= set(told["shape"]["failed"])
