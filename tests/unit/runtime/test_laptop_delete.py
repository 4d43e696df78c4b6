"""When a DAG's remains may be deleted: only when it is certain that no file has it any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from ariel_runtime.laptop.delete import against

DAG = "from airflow.sdk import DAG\ndag = DAG('weather.first', schedule=None)\n"


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BundleDagBag:
    bundle = {"name": "weather", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    (tmp_path / "first.py").write_text(DAG)
    (tmp_path / "broken.py").write_text("from airflow.sdk import DAG\nimport absent_module\n")
    return BundleDagBag(tmp_path, bundle_path=tmp_path, bundle_name="weather")


def test_a_dag_that_a_file_has_is_kept(bag: BundleDagBag) -> None:
    problem = against("weather.first", "first.py", bag)
    assert problem is not None
    assert (problem.value, Path(problem.path).name) == ("weather.first", "first.py")


def test_a_dag_whose_file_is_broken_is_not_taken_for_gone(bag: BundleDagBag) -> None:
    """A typing error would otherwise cost all its runs."""
    problem = against("weather.second", "broken.py", bag)
    assert problem is not None
    assert (problem.path, "mend" in problem.action) == ("broken.py", True)


@pytest.mark.parametrize("file", ["gone.py", "first.py", None])
def test_one_that_no_file_has_may_go(bag: BundleDagBag, file: str | None) -> None:
    """Its file is gone, has other DAGs now, or was never told."""
    assert against("weather.second", file, bag) is None
