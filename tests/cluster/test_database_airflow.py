"""Airflow's own processes as the roles of a tenant: they work with what they are granted, and see no other tenant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.models.trigger import Trigger
from ariel_runtime.database.access import OWNER, RUNTIME
from sqlalchemy.orm import Session

from components.dag_processor import SECRETS_BACKEND
from tests.cluster.metadata_bed import Bed, bed, processor, triggerer

PATIENCE = 90.0
DAGS = """
from datetime import datetime, timedelta
from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import DAG, Asset, AssetAlias, AssetWatcher, AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.sdk import Variable, task

station = Asset("station", uri="s3://weather/station", extra={"version": 1})
watcher = AssetWatcher(name="file", trigger=FileDeleteTrigger(filepath="ARRIVED", poke_interval=1))
arrival = Asset("arrival", watchers=[watcher])
late = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=1), callback=AsyncCallback("asyncio.sleep")
)
assert Variable.get("of-nobody", default="the default") == "the default"
with DAG("weather.make", schedule=timedelta(days=1), start_date=datetime(2026, 1, 1), tags=["one", "two"],
         catchup=False, owner_links={"team": "https://example.org/one"}, default_args={"owner": "team"}, deadline=late):
    @task(outlets=[station, AssetAlias("alias")])
    def make(): ...
    make()
with DAG("weather.use", schedule=[station, arrival], is_paused_upon_creation=False):
    @task(inlets=[station])
    def use(): ...
    use()
with DAG("weather.by_alias", schedule=AssetAlias("alias")):
    @task
    def follow(): ...
    follow()
"""
CHANGED = (
    DAGS.replace('"one", "two"', '"three"')
    .replace("example.org/one", "example.org/two")
    .replace('"version": 1', '"version": 2')
    .replace("hours=1", "hours=2")
    .replace("[station, arrival]", "[station]")
    .replace("inlets=[station]", "inlets=[arrival]")
    .replace('schedule=AssetAlias("alias")', "schedule=None")
)
EARLY = {
    "warned": 'Variable.get("trips_table", default="trips")',
    "variable": 'Variable.get("of-nobody")',
    "connection": 'Connection.get("of-nobody")',
}
"""File -> what it looks up while it is parsed."""
MENDED = 'with DAG("weather.early"): ...\n'
STEALING = 'from airflow.sdk import DAG\nwith DAG("mobility.routes", schedule=None): ...\n'
BYPASSING = f"from airflow import settings\nsettings.dag_policy = lambda dag: None\n{STEALING}"
BROKEN = "import airflow.sdk.DAG_that_is_not\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with bed(tmp_path_factory.mktemp("airflow")) as made:
        made.add("weather")
        made.add("mobility")
        assert not made.turn()
        made.migrate()
        yield made


def settings(folder: Path) -> dict[str, str]:
    bundle = {
        "name": "weather",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
        "team_name": "weather",
    }
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS_BACKEND,
    }


def parse(stage: Bed, folder: Path) -> str:
    """The output of a DAG processor that parses every file once and ends."""
    command = ("ariel_runtime.dag_processor", "--bundle-name", "weather", "--num-runs", "1")
    done = stage.run(processor("weather"), *command, **settings(folder))
    return done.stdout


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(1)


def refusals(output: str) -> set[str]:
    """What the server refused, but for secrets and the audit log, which are closed on purpose."""
    closed = ("connection", "variable", "log")
    lines = {
        line.strip() for line in output.splitlines() if "permission denied" in line or "row-level security" in line
    }
    return {
        line for line in lines if not line.endswith(tuple(f"permission denied for table {name}" for name in closed))
    }


def test_a_dag_processor_parses_changes_and_forgets_with_its_grants(stage: Bed, tmp_path: Path) -> None:
    file = tmp_path / "dags.py"
    file.write_text(DAGS.replace("ARRIVED", str(tmp_path / "arrived")))
    (tmp_path / "broken.py").write_text(BROKEN)
    first = parse(stage, tmp_path)
    assert refusals(first) == set(), first
    listed = stage.sql(RUNTIME, "SELECT dag_id FROM dag WHERE NOT is_stale ORDER BY 1")
    assert listed == [("weather.by_alias",), ("weather.make",), ("weather.use",)], first
    assert stage.sql(RUNTIME, "SELECT filename FROM import_error") == [("broken.py",)]
    assert stage.sql(RUNTIME, "SELECT team_name FROM trigger") == [("weather",)]

    file.write_text(CHANGED.replace("ARRIVED", str(tmp_path / "arrived")))
    (tmp_path / "broken.py").write_text("# a DAG of airflow was here\n")
    second = parse(stage, tmp_path)
    assert refusals(second) == set(), second
    assert stage.sql(RUNTIME, "SELECT name FROM dag_tag") == [("three",)], second
    assert stage.sql(RUNTIME, "SELECT extra->>'version' FROM asset WHERE name = 'station'") == [("2",)]
    assert stage.sql(RUNTIME, "SELECT count(*) FROM import_error") == [(0,)]


def test_a_variable_read_while_parsing_is_a_warning_until_the_file_is_mended(stage: Bed, tmp_path: Path) -> None:
    """The database is not asked, which would refuse it: each time, the tenant's parsing would stand for seconds."""
    for name, call in EARLY.items():
        (tmp_path / f"{name}.py").write_text(f"from airflow.sdk import DAG, Connection, Variable\n{call}\n{MENDED}")
    first = parse(stage, tmp_path)
    assert "API server error" not in first
    warnings = dict(stage.sql(RUNTIME, "SELECT warning_type, message FROM dag_warning WHERE dag_id = 'weather.early'"))
    assert list(warnings) == ["runtime varying value"], first
    assert warnings["runtime varying value"].startswith("warned.py:2, variable: 'trips_table'\n")
    errors = dict(stage.sql(RUNTIME, "SELECT filename, stacktrace FROM import_error"))
    assert set(errors) == {"variable.py", "connection.py"}
    for kind in ("variable", "connection"):
        assert f"\n{kind}.py:2, {kind}: 'of-nobody'\n" in errors[f"{kind}.py"]

    for name in EARLY:
        (tmp_path / f"{name}.py").write_text(f"from airflow.sdk import DAG\n{MENDED if name == 'warned' else ''}")
    second = parse(stage, tmp_path)
    assert stage.sql(RUNTIME, "SELECT FROM dag_warning WHERE dag_id = 'weather.early'") == [], second
    assert stage.sql(RUNTIME, "SELECT FROM import_error") == []


def test_a_dag_of_a_foreign_id_is_an_import_error(stage: Bed, tmp_path: Path) -> None:
    (tmp_path / "stealing.py").write_text(STEALING)
    output = parse(stage, tmp_path)
    ((said,),) = stage.sql(RUNTIME, "SELECT stacktrace FROM import_error WHERE filename = 'stealing.py'")
    assert "begins with 'weather.'" in said, output
    assert stage.sql(RUNTIME, "SELECT FROM dag WHERE dag_id = 'mobility.routes'") == []


def test_a_dag_processor_that_takes_a_foreign_id_past_the_policy_fails_alone(stage: Bed, tmp_path: Path) -> None:
    (tmp_path / "bypassing.py").write_text(BYPASSING)
    assert 'is reserved for bundle "mobility" of tenant "mobility"' in parse(stage, tmp_path)
    assert stage.sql(RUNTIME, "SELECT FROM dag WHERE dag_id = 'mobility.routes'") == []


def deferred(stage: Bed, slug: str) -> None:
    """A task of the tenant that waits for a moment which has passed."""
    with Session(stage.engine(RUNTIME)) as session:
        passed = {"moment": datetime(2026, 1, 1, tzinfo=UTC)}
        trigger = Trigger("airflow.providers.standard.triggers.temporal.DateTimeTrigger", passed, team_name=slug)
        session.add(trigger)
        session.commit()
        number = trigger.id
    dag = f"{slug}.waits"
    stage.sql(
        OWNER,
        "INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, partition_mapper_info,"  # noqa: S608
        " max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits)"
        f" VALUES ('{dag}', false, false, '{slug}', '', '{{}}', 1, 0, false);"
        " INSERT INTO dag_version (id, version_number, dag_id, bundle_name, created_at, last_updated)"
        f" VALUES (gen_random_uuid(), 1, '{dag}', '{slug}', now(), now());"
        " INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state)"
        f" VALUES ('{dag}', 'r', 'manual', now(), 'running');"
        " INSERT INTO task_instance (id, task_id, dag_id, run_id, try_number, pool, pool_slots, state, trigger_id,"
        " next_method, next_kwargs, queue, priority_weight, dag_version_id)"
        f" SELECT gen_random_uuid(), 't', '{dag}', 'r', 1, 'default_pool', 1, 'deferred', {number}, 'back', '{{}}',"
        " 'default', 1, id"
        f" FROM dag_version WHERE dag_id = '{dag}'",
    )


def test_a_triggerer_resumes_its_tenants_tasks_and_leaves_all_others(stage: Bed, tmp_path: Path) -> None:
    """With the others' tasks hidden from it, it would take their triggers for unused and delete them."""
    for slug in ("weather", "mobility"):
        deferred(stage, slug)
    command = ("airflow", "triggerer", "--team-name", "weather", "--capacity", "10", "--skip-serve-logs")
    process = stage.start(triggerer("weather"), *command, **settings(tmp_path))
    try:
        until(
            lambda: (
                stage.sql(OWNER, "SELECT state FROM task_instance WHERE dag_id = 'weather.waits'") == [("scheduled",)]
            )
        )
        until(lambda: stage.sql(OWNER, "SELECT count(*) FROM trigger WHERE team_name = 'weather'") == [(0,)])
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        finally:
            process.kill()
        output = stage.said(triggerer("weather"))
    assert refusals(output) == set(), output
    resumed = stage.sql(OWNER, "SELECT next_method FROM task_instance WHERE dag_id = 'weather.waits'")
    assert resumed == [("back",)], f"the task was resumed to fail: {output}"
    assert stage.sql(OWNER, "SELECT state FROM task_instance WHERE dag_id = 'mobility.waits'") == [("deferred",)]
    assert stage.sql(OWNER, "SELECT count(*) FROM trigger WHERE team_name = 'mobility'") == [(1,)]
