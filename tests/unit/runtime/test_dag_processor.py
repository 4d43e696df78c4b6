"""What a DAG file looks up while it is parsed: told to its author with the line, by Airflow's own parse process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import dedent
from unittest.mock import Mock
from uuid import uuid4

import pytest
import structlog
from airflow import __main__ as airflow_command
from airflow.callbacks.callback_requests import DagCallbackRequest
from airflow.cli.commands import dag_processor_command
from airflow.dag_processing import processor
from airflow.dag_processing.processor import DagFileProcessorProcess
from airflow.sdk import configuration
from airflow.sdk.api.client import Client
from airflow.sdk.execution_time import secrets as sources
from ariel_runtime import dag_processor

from components.dag_processor import parsing
from components.tenant_airflow import bundle_list
from stacks.tenant import Processor, Repository

DAG = """
from airflow.sdk import DAG, BaseHook, Connection, Variable, task
{before}
with DAG("weather.report", on_failure_callback=lambda context: told()):
    @task
    def say():
        Variable.get("in-the-task")

    say()
with DAG("weather.other"): ...
"""
FIRST_LINE = 3
"""Of what stands before the DAG."""


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow with what the module changes in it, and the settings of a DAG processor."""
    repository = Repository.model_validate({"url": "https://git.example.org/weather.git"})
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundle_list("weather", repository, team=True))
    for name, value in parsing(Processor()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processor, "_parse_file", processor._parse_file)
    named = "DagFileProcessorManager"
    monkeypatch.setattr(dag_processor_command, named, getattr(dag_processor_command, named))
    path = "DEFAULT_SECRETS_SEARCH_PATH_WORKERS"
    monkeypatch.setattr(sources, path, list(sources.DEFAULT_SECRETS_SEARCH_PATH_WORKERS))
    monkeypatch.setattr(sys, "argv", ["the module", "--bundle-name", "weather"])
    monkeypatch.setattr(airflow_command, "main", lambda: sys.argv)
    configuration.clear_secrets_backends_cache()
    with pytest.raises(SystemExit) as ended:
        dag_processor.main()
    assert ended.value.code == ["airflow", "dag-processor", "--bundle-name", "weather"]
    yield
    configuration.clear_secrets_backends_cache()


def parse(
    folder: Path,
    before: str,
    *,
    beside: Mapping[str, str] | None = None,
    callbacks: Sequence[DagCallbackRequest] = (),
) -> processor.DagFileParsingResult | None:
    """What a process of Airflow's own says of `report.py`; the database, which would refuse, is asked for nothing."""
    for name, text in {"report.py": DAG.format(before=dedent(before)), **(beside or {})}.items():
        (folder / name).write_text(text)
    client = Mock(spec=Client)
    process = DagFileProcessorProcess.start(
        id=uuid4(),
        path=folder / "report.py",
        bundle_path=folder,
        bundle_name="weather",
        dag_file_rel_path="report.py",
        callbacks=list(callbacks),
        client=client,
        logger=structlog.get_logger(),
        logger_filehandle=BytesIO(),
    )
    while not process.is_ready:
        process._service_subprocess(0.1)
    assert client.mock_calls == []
    return process.parsing_result


def warnings(result: processor.DagFileParsingResult | None) -> dict[str, str]:
    """DAG -> what is said beside it; each has one row of this type, by the table's key."""
    assert result is not None
    assert {each["warning_type"] for each in result.warnings or []} <= {"runtime varying value"}
    found = {each["dag_id"]: each["message"] for each in result.warnings or []}
    assert len(found) == len(result.warnings or [])
    return found


def test_a_variable_that_is_read_while_parsing_is_a_warning_with_file_and_line(tmp_path: Path) -> None:
    result = parse(tmp_path, 'table = Variable.get("trips_table", default="trips")\nassert table == "trips"')
    assert result is not None
    assert not result.import_errors
    assert set(warnings(result)) == {"weather.report", "weather.other"}
    assert warnings(result)["weather.report"].splitlines() == [
        f"report.py:{FIRST_LINE}, variable: 'trips_table'",
        "  rule:   looked up by a running task: while a file is parsed there are no variables and no connections",
        "  action: move it into a task, or use a template such as {{ var.value.trips_table }}",
    ]


@pytest.mark.parametrize("call", ["Connection.get", "BaseHook.get_connection", "BaseHook.get_hook"])
def test_a_connection_that_an_imported_module_looks_up_names_the_modules_line(tmp_path: Path, call: str) -> None:
    module = f"""
from airflow.sdk import BaseHook, Connection
try:
    {call}("ware.house")
except Exception as error:
    assert "isn't defined" in str(error)
"""
    said = warnings(parse(tmp_path, "import shared_module", beside={"shared_module.py": module}))["weather.report"]
    assert said.startswith("shared_module.py:4, connection: 'ware.house'\n")
    assert "{{ conn.get('ware.house').host }}" in said


def test_without_a_default_the_import_error_says_why_and_what_to_do(tmp_path: Path) -> None:
    """A variable that is in the vault is else "not found"; and a file without a DAG has no place for a warning."""
    result = parse(tmp_path, 'Variable.get("trips_table")')
    assert result is not None
    assert (result.serialized_dags, result.warnings) == ([], [])
    ((file, said),) = (result.import_errors or {}).items()
    assert file == "report.py"
    assert "VARIABLE_NOT_FOUND" in said
    assert f"\nreport.py:{FIRST_LINE}, variable: 'trips_table'\n" in said
    assert "move it into a task" in said


def test_what_a_task_looks_up_and_the_platforms_own_connections_are_no_warning(tmp_path: Path) -> None:
    before = """
        try:
            Connection.get("git_default")
        except Exception:
            pass
    """
    assert warnings(parse(tmp_path, before)) == {}


def test_airflows_own_warning_stays_in_the_same_row(tmp_path: Path) -> None:
    before = """
        import random
        Variable.get("city", default=None)
        DAG("weather.random", tags=[str(random.random())])
    """
    said = warnings(parse(tmp_path, before))["weather.report"]
    assert "random.random()" in said
    assert f"report.py:{FIRST_LINE + 2}, variable: 'city'" in said


def test_a_line_that_looks_the_same_up_again_and_again_is_one_warning(tmp_path: Path) -> None:
    said = warnings(parse(tmp_path, 'for _ in range(3): Variable.get("city", default="")'))["weather.report"]
    assert said.count("'city'") == 1


def test_a_warning_about_hundreds_of_look_ups_stays_short(tmp_path: Path) -> None:
    said = warnings(parse(tmp_path, 'for n in range(300): Variable.get(f"city_{n}", default="")'))["weather.report"]
    assert said.count("rule:") == 10
    assert said.endswith("\nand 290 more")


def test_a_callback_may_look_up_what_it_needs(tmp_path: Path) -> None:
    before = f"""
        from pathlib import Path
        def told():
            Path("{tmp_path}/told").write_text(Variable.get("city", default="called"))
    """
    request = DagCallbackRequest(
        filepath="report.py",
        bundle_name="weather",
        bundle_version=None,
        dag_id="weather.report",
        run_id="r",
        is_failure_callback=True,
        msg="",
    )
    assert parse(tmp_path, before, callbacks=[request]) is None
    assert (tmp_path / "told").read_text() == "called"


def test_airflows_api_is_made_when_a_callback_asks_for_something(tmp_path: Path) -> None:
    """An idle DAG processor of every tenant would hold it; and what it answers is Airflow's own answer."""
    database = """
from airflow.models import Variable
from airflow.utils import db
db.initdb()
Variable.set("city", "Hamburg")
"""
    asks = """
import sys
from airflow import __main__ as airflow_command
from ariel_runtime import dag_processor
def idle():
    client = command.DagFileProcessorManager(max_runs=1).client
    print("fastapi" in sys.modules, client.variables.get("city").value)
airflow_command.main = idle
from airflow.cli.commands import dag_processor_command as command
dag_processor.main()
"""
    environment = os.environ | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW_HOME": str(tmp_path),
    }
    for script in (database, asks):
        answer = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
        )
        assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1:] == ["False Hamburg"]


def test_parsing_loads_nothing_of_azure() -> None:
    script = (
        "import sys; import ariel_runtime.dag_processor, ariel_runtime.secrets.parsing\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'azure'])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
