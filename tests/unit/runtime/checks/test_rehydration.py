"""Which differences of two revisions break a run in flight, and which the run's own commit holds off."""

from __future__ import annotations

import ast
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from ariel_runtime.checks.rehydration import CONSEQUENCES, Change, Effect, Kind, changes
from ariel_runtime.checks.shape import DYNAMIC, DagShape, Shape, TaskShape
from ariel_runtime.checks.triggers import triggers

TASK = TaskShape(operator="shared.Read", mapped=None, group="", xcom="list[int]", image="", identity="")
DAG = DagShape(
    dag_id="weather.a",
    file="dags/a.py",
    line=3,
    pinned=True,
    schedule="@daily",
    params={},
    tasks={"read": TASK, "each": replace(TASK, mapped=3), "later": replace(TASK, mapped=DYNAMIC)},
    modules=("dags/a.py", "shared/waiting.py"),
)
TRIGGER = """
from airflow.triggers.base import BaseTrigger

class StationTrigger(BaseTrigger):
    def __init__(self, station, *, hours=1):
        self.station = station
    def serialize(self):
        return "shared.waiting.StationTrigger", {"station": self.station}
"""


def shape(dag: DagShape | None = DAG, **more: Any) -> Shape:
    return Shape(dags={dag.dag_id: dag} if dag else {}, **more)


def with_triggers(**modules: str) -> Shape:
    """`shared.<name>` -> text."""
    files = {f"shared/{name}.py": ast.parse(text) for name, text in modules.items()}
    return shape(triggers=triggers(Path("root"), Path("root"), files))


def with_task(name: str, **fields: Any) -> DagShape:
    return replace(DAG, tasks={**DAG.tasks, name: replace(DAG.tasks[name], **fields)})


def only(base: Shape, head: Shape) -> Change:
    (change,) = changes(base, head)
    return change


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (None, Kind.DAG_GONE),
        (replace(DAG, file="dags/b.py"), Kind.FILE_MOVED),
        (replace(DAG, tasks={name: DAG.tasks[name] for name in ("read", "each")}), Kind.TASK_GONE),
        (replace(DAG, tasks={**DAG.tasks, "more": TASK}), Kind.TASK_ADDED),
        (replace(DAG, schedule="@hourly"), Kind.SCHEDULE),
        (replace(DAG, params={"city": "1"}), Kind.PARAMS),
        (with_task("read", mapped=2), Kind.MAPPING),
        (with_task("each", mapped=None), Kind.MAPPING),
        (with_task("each", mapped=2), Kind.SHORTER),
        (with_task("each", mapped=DYNAMIC), Kind.SHORTER),
        (with_task("each", mapped=4), Kind.LONGER),
        (with_task("read", xcom="dict"), Kind.XCOM),
        (with_task("read", operator="shared.Other"), Kind.OPERATOR),
        (with_task("read", image="reports:3.3.2-1"), Kind.TASK_IMAGE),
        (with_task("read", identity="counts"), Kind.IDENTITY),
        (with_task("read", group="first"), Kind.GROUP),
    ],
)
def test_a_difference_is_found_and_weighs_as_the_dags_runs_are_pinned_or_not(
    after: DagShape | None, kind: Kind
) -> None:
    change = only(shape(), shape(after))
    assert (change.kind, change.effect) == (kind, CONSEQUENCES[kind].pinned)
    free = replace(DAG, pinned=False)
    assert only(shape(free), shape(after)).effect == CONSEQUENCES[kind].unpinned


def test_each_kind_of_difference_has_its_consequence() -> None:
    assert set(CONSEQUENCES) == set(Kind)


def test_equal_revisions_differ_in_nothing_also_after_a_way_through_json() -> None:
    both = with_triggers(waiting=TRIGGER)
    assert changes(Shape.of_json(asdict(both)), both) == []


def test_a_dag_of_a_file_that_cannot_be_imported_is_neither_gone_nor_new() -> None:
    assert changes(shape(), shape(None, failed=("dags/a.py",))) == []
    assert changes(shape(None, failed=("dags/a.py",)), shape()) == []
    assert only(shape(None), shape()).kind is Kind.DAG_ADDED


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("station, *, hours=1", "station, hours", Kind.TRIGGER_ARGUMENTS),
        ("station, *, hours=1", "place, hours=1", Kind.TRIGGER_ARGUMENTS),
        ("station, *, hours=1", "station, hours=2, more=3", Kind.TRIGGER_CODE),
        ("station, *, hours=1", "*, hours=1, **rest", Kind.TRIGGER_CODE),
        ("class StationTrigger", "class PlaceTrigger", Kind.TRIGGER_GONE),
    ],
)
def test_a_deferred_task_of_a_pinned_run_meets_the_newest_trigger(old: str, new: str, kind: Kind) -> None:
    """A row has the arguments that `serialize` gave: here the station alone."""
    found = only(with_triggers(waiting=TRIGGER), with_triggers(waiting=TRIGGER.replace(old, new)))
    assert found.kind is kind
    assert found.pinned is found.unpinned is (Effect.REACHES if kind is Kind.TRIGGER_CODE else Effect.BREAKS)


def test_a_trigger_that_moves_stays_where_its_former_module_imports_it() -> None:
    base = with_triggers(waiting=TRIGGER)
    moved = {"places": TRIGGER.replace("shared.waiting", "shared.places")}
    assert only(base, with_triggers(**moved)).kind is Kind.TRIGGER_GONE
    kept = with_triggers(**moved, waiting="from shared.places import StationTrigger")
    assert Kind.TRIGGER_GONE not in {each.kind for each in changes(base, kept)}


def test_a_trigger_that_another_dag_uses_does_not_concern_this_one() -> None:
    other = replace(DAG, dag_id="weather.b", modules=("dags/b.py",))
    base = replace(with_triggers(waiting=TRIGGER), dags={"weather.a": DAG, "weather.b": other})
    head = replace(base, triggers={})
    assert [each.dag_id for each in changes(base, head)] == ["weather.a"]


def test_a_child_image_that_is_built_anew_is_not_that_of_a_run_in_flight() -> None:
    """Told as safe, since the run's own commit has the former tag; what has no commit of its own gets the new one."""
    base = shape(with_task("read", image="reports:3.3.2-1"))
    head = shape(with_task("read", image="reports:3.3.2-2"))
    change = only(base, head)
    assert (change.kind, change.before, change.after) == (Kind.TASK_IMAGE, "reports:3.3.2-1", "reports:3.3.2-2")
    assert (change.pinned, change.unpinned) == (Effect.SAFE, Effect.REACHES)
