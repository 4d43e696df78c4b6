"""What a run that ends leaves for its team: judged by Airflow's own scheduling of real rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.listeners.listener import get_listener_manager
from airflow.models.callback import Callback
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.team import Team
from airflow.models.trigger import Trigger
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from ariel_runtime import tenants
from ariel_runtime.kubernetes_api import KubernetesApi
from ariel_runtime.notifications import listener
from ariel_runtime.registry import Alerts, Tenant
from sqlalchemy import select
from sqlalchemy.orm import object_session

from tests.unit.runtime.api_server import ApiServer
from tests.unit.runtime.metadata_tables import metadata_tables
from tests.unit.runtime.tenants import tenant

START = datetime(2026, 11, 21, 6, tzinfo=UTC)
ALERTS = Alerts(channel="slack", target="#weather", pager="#on-call")

End = Callable[..., list[Callback]]


@pytest.fixture(scope="module")
def tables() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
        patch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")
        patch.setenv("AIRFLOW__API__INSTANCE_NAME", "dev")
        session_of = metadata_tables(patch)
        with session_of.begin() as session:
            bundle = DagBundleModel(name="weather")
            bundle.teams.append(Team(name="weather"))
            session.add(bundle)
        get_listener_manager().add_listener(listener)
        yield session_of
        get_listener_manager().pm.unregister(listener)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tenant]:
    """The tenants that the scheduler follows."""
    made = {"weather": tenant(alerts=ALERTS)}
    monkeypatch.setattr(tenants, "followed", lambda: made)
    return made


@pytest.fixture
def end(tables: Any, known: dict[str, Tenant]) -> Iterator[End]:
    """Let the scheduler look at a run whose tasks have ended so; what it left."""
    session = tables()

    def look(states: dict[str, TaskInstanceState], tags: tuple[str, ...] = (), run_id: str = "manual__1") -> Any:
        with DAG("weather.report", schedule=None, start_date=START, tags=list(tags)) as dag:
            for task_id in dict.fromkeys(each.partition("[")[0] for each in states):
                EmptyOperator(task_id=task_id)
        run = DagRun(
            dag_id="weather.report",
            run_id=run_id,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            start_date=START,
            run_after=START,
        )
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        session.add(DagModel(dag_id="weather.report", bundle_name="weather", is_stale=False))
        session.add(run)
        for index, (name, state) in enumerate(states.items()):
            task_id, bracket, number = name.rstrip("]").partition("[")
            row = TaskInstance(
                run.dag.get_task(task_id), run_id=run_id, map_index=int(number) if bracket else -1, dag_version_id=None
            )
            row.state, row.end_date, row.try_number = state, START + timedelta(seconds=index), 1
            session.add(row)
        session.flush()
        run.update_state(session=session, execute_callbacks=False)
        session.flush()
        return session.scalars(select(Callback)).all()

    yield look
    session.rollback()
    session.close()


FAILED, SUCCESS = TaskInstanceState.FAILED, TaskInstanceState.SUCCESS


def said(callbacks: list[Callback]) -> dict[str, Any]:
    (callback,) = callbacks
    found: dict[str, Any] = callback.data["kwargs"]
    return found


def test_a_failed_run_leaves_one_message_for_the_teams_own_triggerer(end: End) -> None:
    (callback,) = end({"fetch": FAILED, "write": SUCCESS})
    assert isinstance(callback.trigger, Trigger)
    assert callback.trigger.team_name == "weather", "another team's triggerer would take it, and its secrets"
    assert callback.bundle_name == "weather"
    assert callback.trigger.classpath == "airflow.triggers.callback.CallbackTrigger"
    assert callback.data["path"] == listener.DELIVER


def test_a_message_says_where_to_look(end: End) -> None:
    found = said(end({"fetch": SUCCESS, "write": FAILED}, run_id="scheduled__2026-11-21T06:00:00+00:00"))
    assert (found["channel"], found["targets"]) == ("slack", {"alerts": "#weather"})
    run = "https://airflow.example.org/dags/weather.report/runs/scheduled__2026-11-21T06%3A00%3A00%2B00%3A00"
    assert found["message"]["run_url"] == run
    assert found["message"]["text"].splitlines() == [
        "weather.report failed in dev: a task failed",
        "Run: scheduled__2026-11-21T06:00:00+00:00",
        "Failed tasks: write",
        run,
        f"Log: {run}/tasks/write?try_number=1",
    ]


def test_a_hundred_failed_mapped_tasks_are_one_message(end: End) -> None:
    mapped = {f"fetch[{number}]": FAILED for number in range(100)}
    found = said(end({**mapped, "write": FAILED}))
    assert found["message"]["tasks"] == ["fetch (100)", "write"]
    assert found["message"]["log_url"].endswith("/tasks/fetch/mapped/0?try_number=1")


def test_many_failed_tasks_do_not_fill_a_channel(end: End) -> None:
    found = said(end({f"task_{number}": FAILED for number in range(9)}))
    assert "Failed tasks: task_0, task_1, task_2, task_3, task_4 and 4 more" in found["message"]["text"]


def test_a_critical_failure_goes_to_the_pager_too(end: End) -> None:
    found = said(end({"fetch": FAILED}, tags=("alert:critical",)))
    assert found["targets"] == {"alerts": "#weather", "alerts_pager": "#on-call"}
    assert found["message"]["kind"] == "critical"


def test_an_author_names_another_channel(end: End) -> None:
    assert said(end({"fetch": FAILED}, tags=("alert:to:#model",)))["targets"] == {"alerts": "#model"}


@pytest.mark.parametrize(
    ("state", "tags", "kinds"),
    [
        (SUCCESS, (), []),
        (SUCCESS, ("alert:success",), ["success"]),
        (SUCCESS, ("alert:success", "alert:critical"), ["success"]),
        (FAILED, ("alert:none",), []),
        (FAILED, ("nightly",), ["failure"]),
    ],
)
def test_a_dag_hears_what_it_asked_for(
    end: End, state: TaskInstanceState, tags: tuple[str, ...], kinds: list[str]
) -> None:
    assert [each.data["kwargs"]["message"]["kind"] for each in end({"fetch": state}, tags=tags)] == kinds


def test_a_tenant_without_alerts_leaves_nothing(end: End, known: dict[str, Tenant]) -> None:
    known["weather"] = tenant(alerts=None)
    assert end({"fetch": FAILED}) == []


@pytest.fixture
def own_follower() -> Iterator[None]:
    tenants._follower.cache_clear()
    yield
    tenants._follower.cache_clear()


def test_a_process_that_follows_no_tenants_neither_waits_nor_asks(own_follower: None) -> None:
    """A run on a laptop would otherwise look for a Kubernetes that is not there."""
    assert tenants.followed() == {}


def test_a_scheduler_that_has_read_the_registry_knows_its_tenants(
    own_follower: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(tmp_path)
    server.put("weather")
    monkeypatch.setattr(KubernetesApi, "of_this_pod", lambda: server.api)
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", "airflow")
    assert list(tenants.tenants()) == list(tenants.followed()) == ["weather"]
    tenants._follower().stop()
    server.close()


def test_a_run_that_a_person_ended_is_no_news(end: End) -> None:
    left = end({"fetch": FAILED})
    session = object_session(left[0])
    assert session is not None
    run = session.scalars(select(DagRun)).one()
    by_hand = "Dag Run's state was manually set to `failed`."
    get_listener_manager().hook.on_dag_run_failed(dag_run=run, msg=by_hand)
    assert session.scalars(select(Callback)).all() == left
