"""What an author may write, judged while the DAG is parsed: by a process that has no child image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from ariel_runtime.isolated import IsolatedOperator
from ariel_runtime.isolated.images import reference
from ariel_runtime.provider import get_provider_info
from ariel_runtime.refusal import RefusedError

SQL = "airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator"


def function() -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": "old"}, "exactly one of operator, python_callable, script"),
        ({"image": "old", "operator": SQL, "script": "x"}, "exactly one of"),
        ({"image": "old", "operator": "SQLExecuteQueryOperator"}, "the dotted path of a class"),
        ({"operator": SQL}, "`image`, `environment` or both"),
        ({"environment": "ruby", "operator": SQL}, "an operator needs Airflow"),
        ({"image": "old", "script": "x"}, "the interpreter of the script"),
        ({"environment": "../sh", "script": "x"}, "a name of letters"),
        ({"image": "Old Image", "operator": SQL}, "a name of letters"),
        ({"environment": "python2.7", "python_callable": lambda: 1}, "a function written with `def`"),
        ({"image": "old", "python_callable": function, "sql": "x"}, "arguments of the class that `operator` names"),
        ({"image": "old", "python_callable": function, "connections": ["c"]}, "whose interpreter cannot ask for them"),
        ({"image": "old", "operator": SQL, "executor_config": {"ariel": {"image": "other:1"}}}, "named once"),
    ],
)
def test_what_cannot_run_is_an_import_error(arguments: dict[str, Any], message: str) -> None:
    """Otherwise it is found when the task is due."""
    with pytest.raises(RefusedError, match=message):
        IsolatedOperator(task_id="task", **arguments)


@pytest.mark.parametrize(
    "operator",
    [
        "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator",
        "airflow.operators.trigger_dagrun.TriggerDagRunOperator",
        "airflow.providers.standard.sensors.external_task.ExternalTaskSensor",
        "airflow.operators.python.BranchPythonOperator",
        "airflow.operators.python.ShortCircuitOperator",
        "airflow.operators.latest_only.LatestOnlyOperator",
    ],
)
def test_an_operator_that_talks_back_is_refused_with_what_to_do(operator: str) -> None:
    """Also by the paths of earlier versions, which only the image has."""
    with pytest.raises(RefusedError, match="write it as a plain task before or after"):
        IsolatedOperator(task_id="task", image="old", operator=operator)


def test_a_class_that_nobody_here_has_can_be_named() -> None:
    task = IsolatedOperator(task_id="task", image="old", operator="no.such.Operator", anything=[1])
    assert (task.arguments, task.executor_config) == ({"anything": [1]}, {"ariel": {"image": "old"}})


def test_the_rest_of_what_is_asked_of_the_pod_stays() -> None:
    task = IsolatedOperator(task_id="task", image="old", operator=SQL, executor_config={"ariel": {"size": "M"}})
    assert task.executor_config == {"ariel": {"size": "M", "image": "old"}}


@pytest.mark.parametrize("backend", ["interpreter", "kubernetes_pod", "docker"])
def test_only_the_cluster_starts_the_task_itself_in_the_image(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Otherwise a laptop would ask its executor for a pod, and the second pod's launcher would run in the image."""
    monkeypatch.setenv("AIRFLOW__ARIEL__ISOLATED_BACKEND", backend)
    assert IsolatedOperator(task_id="task", image="old", operator=SQL).executor_config == {}


def test_an_unknown_back_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ARIEL__ISOLATED_BACKEND", "podman")
    with pytest.raises(RefusedError, match="one of cluster, interpreter, kubernetes_pod, docker"):
        IsolatedOperator(task_id="task", image="old", operator=SQL)


@pytest.fixture
def dag_file(tmp_path: Path) -> str:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "lock.json").write_text(json.dumps({"old": "3.3.2-ab"}))
    return str(tmp_path / "dags" / "report.py")


def test_a_name_means_what_was_built_of_this_commit(dag_file: str) -> None:
    """A run is pinned to its commit, so it keeps its image when another is built."""
    assert reference("old", dag_file) == "old:3.3.2-ab"


@pytest.mark.parametrize("image", ["old:1", "old@sha256:ab", "cr.example/old"])
def test_a_reference_that_says_more_than_a_name_stays(dag_file: str, image: str) -> None:
    assert reference(image, dag_file) == image


def test_a_name_that_was_never_built_is_refused(dag_file: str) -> None:
    with pytest.raises(RefusedError, match="write images/new/"):
        reference("new", dag_file)


def test_a_mapped_task_with_a_wrong_argument_twice_is_refused() -> None:
    with DAG("weather.mapped"), pytest.raises(TypeError, match="operator"):
        IsolatedOperator.partial(task_id="task", image="old", operator=SQL).expand(operator=["a.B"])


def test_airflow_takes_the_decorator() -> None:
    """By its own schema; what does not fit it would end every process that asks for a decorator."""
    from airflow.sdk._shared.module_loading import import_string
    from airflow.sdk.providers_manager_runtime import _create_provider_info_schema_validator

    info = get_provider_info()
    _create_provider_info_schema_validator().validate(info)
    assert callable(import_string(info["task-decorators"][0]["class-name"]))
