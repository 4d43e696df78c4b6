"""Isolated tasks as Airflow runs them: parsed with the policies in force, rendered, executed, and ended.

One process stands for every child image: it has what the images of the fitness repository have, as far as this machine
has it. That the executor starts the named image is for the cluster to show.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.processes import Identity
from tests.unit.runtime.isolated.runs import run_dags

HERE = Path(__file__).parent
FITNESS = HERE.parents[2] / "fitness"
CONF = {"asked": "by a test"}
PASSWORD = "pässwörd"  # noqa: S105


def other_python() -> Path:
    """The Python of which Airflow's environment was made, without Airflow. That 2.7 does it too is for the cluster."""
    return Path(sys.base_prefix, "bin", "python3")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    repository, database = home / "repository", home / "stations.db"
    for part in (FITNESS, HERE / "cases"):
        shutil.copytree(part, repository, dirs_exist_ok=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE observations (station TEXT, degrees INTEGER)")
        rows = [("Brocken", 3), ("Brocken", -7), ("Kiel", -9)]
        connection.executemany("INSERT INTO observations VALUES (?, ?)", rows)
    for name in ("python2.7", "other-python"):
        folder = home / "environments" / name / "bin"
        folder.mkdir(parents=True)
        # A link to the program would hide from Python where its library lies.
        (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(str(other_python()))} "$@"\n')
        (folder / "python").chmod(0o755)
    warehouse = {"conn_type": "generic", "host": "db.example", "login": "reader", "password": PASSWORD}
    return run_dags(
        repository,
        home,
        {
            "ARIEL_ENVIRONMENTS": str(home / "environments"),
            "PYTHONPATH": str(HERE / "child_image"),
            "AIRFLOW_CONN_STATIONS": json.dumps({"conn_type": "stations", "host": str(database)}),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(warehouse),
            "AIRFLOW_VAR_THRESHOLD": "7",
        },
    )


def state(found: dict[str, Any], dag: str, task: str, index: int = -1) -> str:
    return str(found[f"weather.{dag}"]["states"][f"{task}[{index}]"])


def result(found: dict[str, Any], dag: str, task: str, index: int = -1, key: str = "return_value") -> Any:
    """What the task returned; None where it has no XCom."""
    return found[f"weather.{dag}"]["results"].get(f"{task}[{index}].{key}")


def said(found: dict[str, Any], dag: str, text: str) -> bool:
    return text in found[f"weather.{dag}"]["said"]


def test_fitness_1_an_sql_operator_has_its_connection_template_and_result(found: dict[str, Any]) -> None:
    (row,) = result(found, "fitness", "sql")
    # Airflow keeps of a tuple that it was one.
    day, coldest = row["__data__"]
    assert (re.fullmatch(r"\d{4}-\d\d-\d\d", day) is not None, coldest) == (True, -7)


def test_fitness_4_5_and_6_two_pythons_run_one_function_and_agree(found: dict[str, Any]) -> None:
    """The function imports from `include/`, so without the checkout in the child both would fail."""
    new, old = (result(found, "fitness", task) for task in ("function", "function_of_an_older_python"))
    assert (new["mean"], new["highest"], new) == (4, 9, old)
    assert (result(found, "fitness", "match"), said(found, "fitness", "match ")) == (True, True)


def test_each_task_asks_the_executor_for_its_image(found: dict[str, Any]) -> None:
    """Also a mapped one, of which the scheduler makes no operator."""
    asked = found["weather.fitness"]["pods"] | {"many": found["weather.operators"]["pods"]["many"]}
    assert len(asked) == 7
    assert set(map(json.dumps, asked.values())) == {json.dumps({"ariel": {"image": "legacy:3.3.2-0123456789ab"}})}


def test_a_function_in_another_python_waits_for_what_it_takes(found: dict[str, Any]) -> None:
    assert found["weather.fitness"]["upstream"]["match"] == ["function", "function_of_an_older_python"]
    assert found["weather.operators"]["upstream"]["after_one"] == ["one"]


def test_the_real_operator_takes_the_tasks_place(found: dict[str, Any]) -> None:
    """With its own template fields and no others, the DAG's default arguments, and the task's."""
    steps = result(found, "operators", "steps")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", steps.pop("text"))
    own = {"plain": "by default", "image": "own"}
    assert steps == {**own, "task": "steps", "dag": "weather.operators", "context": "steps", "retries": 3}
    assert result(found, "operators", "file")["plain"] == "{{ ds }}"


def test_a_templated_file_lies_beside_the_dag(found: dict[str, Any]) -> None:
    assert result(found, "operators", "file")["text"].startswith("from a file on 20")


def test_an_operator_takes_another_tasks_result(found: dict[str, Any]) -> None:
    assert result(found, "operators", "after_one")["text"] == "by XCom"


def test_the_operators_own_steps_before_and_after_are_done_once(found: dict[str, Any]) -> None:
    steps = re.findall(r"^step: (\w+)$", found["weather.operators"]["said"], re.MULTILINE)
    assert steps == ["before", "execute", "after"] * (len(steps) // 3)
    assert len(steps) == 15


def test_a_mapped_operator_runs_once_for_each_value(found: dict[str, Any]) -> None:
    texts = [result(found, "operators", "many", index)["text"] for index in (0, 1)]
    assert (re.fullmatch(r"\d{4}-\d\d-\d\d", texts[0]) is not None, texts[1]) == (True, "b")


def test_a_mapped_function_is_collected(found: dict[str, Any]) -> None:
    assert [result(found, "interpreters", "doubled", index) for index in range(3)] == [2, 4, 6]
    assert result(found, "interpreters", "total") == 12


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("Absent", "a class of operator in this task's image: module 'shared.operators' has no attribute 'Absent'"),
        ("OwnBranch", "BaseBranchOperator decides over or waits for other tasks"),
        ("Deferring", "pass deferrable=False"),
        ("Rescheduling", 'pass mode="poke"'),
        ("Unreadable", "Cannot serialize object of type <class 'object'>"),
    ],
)
def test_what_an_operator_cannot_do_here_fails_the_task_with_the_reason(
    found: dict[str, Any], task: str, message: str
) -> None:
    """A deferred or rescheduled task would go on in another image, or wait for ever."""
    assert (state(found, "operators", task), said(found, "operators", message)) == ("failed", True)


def test_a_function_in_another_python_knows_what_was_named_and_no_more(found: dict[str, Any]) -> None:
    given = result(found, "interpreters", "given")
    connection = given["connections"]["warehouse"]
    assert (connection["login"], connection["password"], connection["extra"]) == ("reader", PASSWORD, {})
    assert (list(given["connections"]), given["variables"]) == (["warehouse"], {"threshold": "7"})
    assert (given["ti"], given["params"], given["conf"]) == ("given", {"station": "Kiel", **CONF}, CONF)
    assert given["value"] == "Kiel.sh", "a text that ends like a file's name was read as a file"


def test_an_interpreter_gets_neither_arguments_nor_airflows_environment(found: dict[str, Any]) -> None:
    """Whoever may list processes reads the former, and each child inherits the latter with what is secret in it."""
    given = result(found, "interpreters", "given")
    assert (given["arguments"], given["airflow"]) == ([], [])
    assert PASSWORD not in found["weather.interpreters"]["said"]


def test_a_script_writes_its_result(found: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", *result(found, "interpreters", "script"))


def test_results_of_every_kind_arrive(found: dict[str, Any]) -> None:
    assert (state(found, "interpreters", "nothing"), result(found, "interpreters", "nothing")) == ("success", None)
    assert len(result(found, "interpreters", "large")) == 2**20
    assert [result(found, "interpreters", "several", key=key) for key in ("low", "high")] == [-3, 9]
    assert result(found, "interpreters", "of_several") == 6


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("no_json", "The result of no_json is a set that JSON cannot hold"),
        ("no_json_in", "kwargs.value: a value of type set"),
        ("no_json_out", "rule:   JSON in UTF-8"),
        ("unknown", "environment: 'no-such-interpreter'"),
        ("broken", "sh ended with exit status 3. Its last lines:\none\ntwo"),
        ("too_slow", "AirflowTaskTimeout"),
    ],
)
def test_what_goes_wrong_in_an_interpreter_is_told(found: dict[str, Any], task: str, message: str) -> None:
    assert (state(found, "interpreters", task), said(found, "interpreters", message)) == ("failed", True)


def test_a_task_that_is_out_of_time_leaves_no_process_behind(found: dict[str, Any]) -> None:
    (process,) = re.findall(r"left behind: (\d+)", found["weather.interpreters"]["said"])
    assert Identity.of(int(process)) is None


def test_an_operator_that_is_out_of_time_is_killed_as_it_knows(found: dict[str, Any]) -> None:
    """Otherwise the query that it started goes on in the database."""
    assert (state(found, "operators", "Endless"), said(found, "operators", "killed: Endless")) == ("failed", True)


def test_a_script_that_fails_once_is_tried_again(found: dict[str, Any]) -> None:
    assert said(found, "interpreters", "first try"), "it did not fail, so nothing was tried again"
    assert (state(found, "interpreters", "second_try"), result(found, "interpreters", "second_try")) == ("success", 2)


def test_callbacks_and_teardown_are_the_tasks(found: dict[str, Any]) -> None:
    states = {task: state(found, "around", task) for task in ("begin", "work", "good", "end")}
    assert states == {"begin": "success", "work": "failed", "good": "success", "end": "success"}
    for callback in ("execute work", "failure work", "success good"):
        assert said(found, "around", f"callback: {callback}"), callback


def test_the_second_python_has_no_airflow() -> None:
    """Otherwise nothing was shown."""
    asked = subprocess.run([other_python(), "-I", "-c", "import airflow"], capture_output=True, text=True, check=False)
    assert "No module named 'airflow'" in asked.stderr
