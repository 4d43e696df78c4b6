"""What a DAG file may say: judged by Airflow itself, with our policies loaded as it loads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import settings
from airflow.dag_processing.dagbag import DagBag
from ariel_runtime import policies
from ariel_runtime.environment import ENVIRONMENT, LAPTOP
from ariel_runtime.pod_request import pod_request
from ariel_runtime.refusal import RefusedError
from kubernetes.client.models import V1Pod

from components.tenant_airflow import bundle_list
from stacks.tenant import Repository

REPOSITORY = Repository.model_validate({"url": "https://git.example.org/weather.git"})
DAG = """
from airflow.sdk import DAG, task
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("{dag_id}") as dag:
    EmptyOperator(task_id="one", {arguments})
    EmptyOperator.partial(task_id="many", {arguments}).expand(doc=["a"])
"""


@pytest.fixture(autouse=True)
def parsing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tenant's DAG processor: its bundle list as deployed, and the policies as Airflow's own manager holds them."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundle_list("weather", REPOSITORY, team=True))
    manager = settings.get_policy_plugin_manager()
    loaded = manager.is_registered(policies)
    if not loaded:
        manager.register(policies)
    yield
    if not loaded:
        manager.unregister(policies)


def parse(folder: Path, *, dag_id: str = "weather.report", arguments: str = "") -> DagBag:
    (folder / "report.py").write_text(DAG.format(dag_id=dag_id, arguments=arguments))
    return DagBag(folder, bundle_name="weather", bundle_path=folder)


def import_error(bag: DagBag) -> str:
    assert not bag.dags, "a refused DAG was loaded"
    (message,) = bag.import_errors.values()
    return str(message)


def test_a_tenants_own_dag_is_loaded(tmp_path: Path) -> None:
    bag = parse(tmp_path, arguments='executor_config={"ariel": {"size": "M"}}, pool="weather.slow"')
    assert (list(bag.dags), bag.import_errors) == (["weather.report"], {})


@pytest.mark.parametrize(("environment", "paused"), [(LAPTOP, True), ("prod", False)])
def test_on_a_laptop_alone_a_dag_that_wants_to_run_at_once_begins_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, paused: bool
) -> None:
    monkeypatch.setenv(ENVIRONMENT, environment)
    wishing = DAG.replace('DAG("{dag_id}")', 'DAG("{dag_id}", is_paused_upon_creation=False)')
    (tmp_path / "report.py").write_text(wishing.format(dag_id="weather.report", arguments=""))
    bag = DagBag(tmp_path, bundle_name="weather", bundle_path=tmp_path)
    assert bag.dags["weather.report"].is_paused_upon_creation is paused


@pytest.mark.parametrize("dag_id", ["report", "mobility.report", "weather", "weather-report", "Weather.report"])
def test_a_dag_without_its_tenants_prefix_is_an_import_error(tmp_path: Path, dag_id: str) -> None:
    """The last tenant to parse an id would own it, with its runs, secrets and place to run."""
    message = import_error(parse(tmp_path, dag_id=dag_id))
    assert f"dag_id: '{dag_id}'" in message
    assert "begins with 'weather.'" in message
    assert f"rename the DAG to 'weather.{dag_id}'" in message


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('executor_config={"pod_template_file": "/usr/bin/env"}', "executor_config.pod_template_file"),
        ('executor_config={"pod_override": None}', "executor_config.pod_override"),
        ('executor_config={"ariel": {"size": "XXL"}}', "one of S, M, L"),
        ('executor_config={"ariel": {"namespace": "tasks-mobility"}}', "executor_config.ariel.namespace"),
        ('executor_config=["pod"]', "tasks.one.executor_config: a value of type list"),
        ('pool="mobility"', "tasks.one.pool: 'mobility'"),
        ('pool="weatherx"', "tasks.one.pool: 'weatherx'"),
    ],
)
def test_what_a_task_may_not_ask_for_is_an_import_error(tmp_path: Path, arguments: str, text: str) -> None:
    message = import_error(parse(tmp_path, arguments=arguments))
    assert text in message
    assert "rule:" in message
    assert "action:" in message


def test_a_misspelt_wish_for_messages_is_an_import_error(tmp_path: Path) -> None:
    """Its author would wait for the pager in vain."""
    tagged = DAG.replace('DAG("{dag_id}")', 'DAG("{dag_id}", tags=["nightly", "{tag}"])')
    for tag, refused in {"alert:critcal": 1, "alert:critical": 0, "alert:to:#model": 0, "alerting": 0}.items():
        (tmp_path / "report.py").write_text(tagged.format(dag_id="weather.report", arguments="", tag=tag))
        bag = DagBag(tmp_path, bundle_name="weather", bundle_path=tmp_path)
        assert len(bag.import_errors) == refused, tag
        assert refused == ("tags: 'alert:critcal'" in str(bag.import_errors))


CHAIN = """
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, BaseOperator


class Ours(TriggerDagRunOperator):
    pass


class Elsewhere(BaseOperator):
    def __init__(self, trigger_dag_id, **arguments):
        super().__init__(**arguments)
        self.trigger_dag_id = trigger_dag_id


with DAG("weather.report"):
    {task}
"""


@pytest.mark.parametrize(
    "task",
    [
        'TriggerDagRunOperator(task_id="start", trigger_dag_id="weather.forecast")',
        'ExternalTaskSensor(task_id="wait", external_dag_id="{{ params.dag }}")',
        'ExternalTaskSensor(task_id="wait", external_dag_id="{% if params.dag %}weather.forecast{% endif %}")',
        'Elsewhere(task_id="start", trigger_dag_id="a-dag-of-another-airflow")',
    ],
)
def test_a_task_may_name_dags_of_its_team(tmp_path: Path, task: str) -> None:
    (tmp_path / "report.py").write_text(CHAIN.replace("{task}", task))
    assert not DagBag(tmp_path, bundle_name="weather", bundle_path=tmp_path).import_errors


@pytest.mark.parametrize(
    ("task", "field"),
    [
        ('TriggerDagRunOperator(task_id="go", trigger_dag_id="mobility.trips")', "trigger_dag_id"),
        ('Ours(task_id="go", trigger_dag_id="mobility.trips")', "trigger_dag_id"),
        ('Ours.partial(task_id="go", trigger_dag_id="mobility.trips").expand(conf=[{}])', "trigger_dag_id"),
        ('ExternalTaskSensor(task_id="go", external_dag_id="mobility.trips")', "external_dag_id"),
    ],
)
def test_a_task_that_names_another_teams_dag_is_an_import_error(tmp_path: Path, task: str, field: str) -> None:
    (tmp_path / "report.py").write_text(CHAIN.replace("{task}", task))
    message = import_error(DagBag(tmp_path, bundle_name="weather", bundle_path=tmp_path))
    assert f"tasks.go.{field}: 'mobility.trips'" in message
    assert "AssetAccessControl(producer_teams=[...])" in message


def test_a_mapped_task_is_judged_too(tmp_path: Path) -> None:
    text = DAG.format(dag_id="weather.report", arguments="").replace(
        'partial(task_id="many", ', 'partial(task_id="many", executor_config={"pod_override": 1}, '
    )
    (tmp_path / "report.py").write_text(text)
    message = import_error(DagBag(tmp_path, bundle_name="weather", bundle_path=tmp_path))
    assert "tasks.many.executor_config.pod_override: 1" in message


@pytest.mark.parametrize("bundles", [[], [{"name": "a"}, {"name": "b"}]])
def test_a_process_without_a_tenant_of_its_own_judges_no_dag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundles: list[Any]
) -> None:
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
    assert parse(tmp_path, dag_id="anything").import_errors == {}


@pytest.mark.parametrize(
    ("pool", "scheduled"),
    [
        ("default_pool", "weather"),
        ("weather", "weather"),
        ("weather.slow", "weather.slow"),
        ("mobility", "weather"),
        ("weatherx", "weather"),
    ],
)
def test_the_scheduler_takes_slots_of_the_tenants_own_pools_only(pool: str, scheduled: str) -> None:
    """Otherwise one tenant's backlog in the common pool would hold up all others."""
    task = SimpleNamespace(dag_id="weather.report", pool=pool, executor_config={})
    settings.task_instance_mutation_hook(task)  # type: ignore[arg-type]
    assert task.pool == scheduled


@pytest.mark.parametrize(
    "config",
    [["pod"], "pod", {"pod_override": V1Pod()}, {"pod_override": {"__type": "no such"}}, {"ariel": {"size": object()}}],
    ids=range(5),
)
def test_nothing_that_ends_the_scheduler_is_kept_in_the_database(config: Any) -> None:
    task = SimpleNamespace(dag_id="weather.report", pool="weather", executor_config=config)
    settings.task_instance_mutation_hook(task)  # type: ignore[arg-type]
    (text,) = task.executor_config.values()
    assert type(text) is str
    with pytest.raises(RefusedError) as refused:
        pod_request(config)
    assert str(refused.value) == text, "the author would not learn why"


def test_a_good_configuration_is_kept_as_it_is() -> None:
    config = {"ariel": {"size": "L", "labels": {"cost": "1"}}}
    task = SimpleNamespace(dag_id="weather.report", pool="weather", executor_config=config)
    settings.task_instance_mutation_hook(task)  # type: ignore[arg-type]
    assert task.executor_config == {"ariel": {"size": "L", "labels": {"cost": "1"}}}


def test_a_task_that_names_an_executor_does_not_wait_for_it_for_ever() -> None:
    """Airflow checks the name in the process that parses the file, where the file itself can switch the check off."""
    task = SimpleNamespace(dag_id="weather.report", pool="weather", executor_config={}, executor="KubernetesExecutor")
    settings.task_instance_mutation_hook(task)  # type: ignore[arg-type]
    assert task.executor is None
