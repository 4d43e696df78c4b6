"""The table of ways in docs/isolated.md says what becomes of real DAGs, here where no pod is needed.

What stands for the platform: the environment of these tests has the platform's Airflow and providers, the programs on
PATH are those that its image is sure to have, and a pod's variables tell where Kubernetes is, without a token for it.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.standard.operators.python import ExternalPythonOperator

from sandbox.rootfs.definition import load
from tests import ways
from tests.unit.runtime.isolated.runs import run_dags

CHILD_IMAGE = Path(__file__).parent / "child_image"
OLDER = ways.PLAIN.files[1]
RUN = (ways.PLAIN, ways.EXTERNAL, ways.KUBERNETES)
ELSEWHERE = {
    (ways.PLAIN.name, "sql_of_an_older_provider"),
    (ways.EXTERNAL.name, "ruby"),
}
"""What no run can show: a file that cannot be imported, and a task that cannot be written."""
CELLS = [(way, task) for way in RUN for task in ways.TASKS if (way.name, task) not in ELSEWHERE]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    repository, database = home / "repository", home / "stations.db"
    for part in (ways.FITNESS, ways.OTHERS):
        left_out = shutil.ignore_patterns("fitness.py", OLDER.name, "__pycache__")
        shutil.copytree(part, repository, dirs_exist_ok=True, ignore=left_out)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE observations (station TEXT, degrees INTEGER)")
        connection.execute("INSERT INTO observations VALUES ('Brocken', -7)")
    # Of the interpreter only its version is asked before it is refused, so no more of a Python 2.7 is needed.
    old = home / "environments" / "python2.7" / "bin" / "python"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho 2.7.18.final.0\n")
    old.chmod(0o755)
    programs = home / "programs"
    programs.mkdir()
    for name in ("bash", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    return run_dags(
        repository,
        home,
        {
            "ARIEL_ENVIRONMENTS": str(home / "environments"),
            "PATH": str(programs),
            # ExternalPythonOperator adds the repository itself, but `dag.test()` does not tell it where that is.
            "PYTHONPATH": f"{CHILD_IMAGE}:{repository}",
            "AIRFLOW_CONN_STATIONS": json.dumps({"conn_type": "stations", "host": str(database)}),
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": "1",
        },
    )


def test_the_table_of_ways_is_up_to_date() -> None:
    written = ways.DOCUMENT.read_text(encoding="utf-8")
    assert written == ways.renewed(written), f"docs/isolated.md is stale: run `{ways.COMMAND}`"


@pytest.mark.parametrize(("way", "task"), CELLS, ids=[f"{way.files[0].stem}-{task}" for way, task in CELLS])
def test_a_task_ends_in_that_way_as_the_table_says(found: dict[str, Any], way: ways.Way, task: str) -> None:
    run, expected = found[f"weather.{way.files[0].stem}"], way.outcomes[task]
    assert run["states"][f"{task}[-1]"] == expected.state, run["said"]
    assert run["said"].count(expected.says) >= sum(each.says == expected.says for each in way.outcomes.values())


@pytest.mark.parametrize("dag", ["plain", "external_python"])
def test_what_works_in_another_way_gives_what_the_isolated_task_gives(found: dict[str, Any], dag: str) -> None:
    """A success that did less would make the comparison worthless."""
    results = found[f"weather.{dag}"]["results"]
    (row,), compared = (results[f"{task}[-1].return_value"] for task in ("sql", "function"))
    day = compared.pop("day")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)
    assert (row["__data__"], compared) == ([day, -7], {"highest": 9, "mean": 4})


def test_a_class_that_the_platforms_provider_no_longer_has_breaks_the_file() -> None:
    with pytest.raises(ModuleNotFoundError, match=ways.PLAIN.outcomes["sql_of_an_older_provider"].says):
        runpy.run_path(str(OLDER))


def test_an_external_python_takes_no_script() -> None:
    script: Any = "ruby/mean.rb"
    with pytest.raises(ValueError, match=ways.EXTERNAL.outcomes["ruby"].says):
        ExternalPythonOperator(task_id="ruby", python="/usr/bin/ruby", python_callable=script)
    assert ways.author_lines(ways.EXTERNAL, "ruby") is None


def test_the_platforms_image_has_neither_ruby_nor_an_old_python() -> None:
    image = load("airflow")
    assert image.debian is not None
    packages = (*image.packages, *image.debian.packages)
    assert packages
    assert [name for name in packages if name.startswith(("ruby", "python2"))] == []


def test_a_pod_of_the_providers_own_shows_its_variables_and_needs_a_second_image_for_a_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And none of what admission asks of a pod: the author would write that as well."""
    monkeypatch.setattr(KubernetesHook, "is_in_cluster", True)
    operator = KubernetesPodOperator(
        task_id="pod", namespace="tasks-weather", in_cluster=True, image="own", do_xcom_push=True, env_vars={"A": "b"}
    )
    spec = operator.build_pod_request_obj().spec
    base, sidecar = spec.containers
    assert [(each.name, each.value) for each in base.env] == [("A", "b")]
    assert (sidecar.image != base.image, base.security_context, spec.service_account_name) == (True, None, None)


def test_all_ways_are_told_of_all_tasks() -> None:
    assert {way.name: set(way.outcomes) for way in ways.WAYS} == {way.name: set(ways.TASKS) for way in ways.WAYS}
    unwritten = [(way.name, task) for way in ways.WAYS for task in ways.TASKS if not ways.author_lines(way, task)]
    assert unwritten == [(ways.EXTERNAL.name, "ruby")]
