"""Which differences between two revisions of a repository break a run that is between its tasks when the newer comes.

What a run of a versioned bundle keeps: its serialised DAG, with the tags of its tasks' child images, and the commit
whose files its tasks and callbacks read. What it does not keep, since Airflow 3.3.2 takes it from the newest revision:
where its file lies (`dag.relative_fileloc`), that its DAG still exists (the scheduler passes by DAGs that are stale),
and the code of triggers. A run without a version of its own (`disable_bundle_versioning`) keeps nothing. The platform's
own image is in no revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ariel_runtime.checks.shape import DYNAMIC, DagShape, Shape, TaskShape
from ariel_runtime.checks.triggers import TriggerShape


class Effect(StrEnum):
    """On a run that began before."""

    BREAKS = "breaks"
    REACHES = "reaches"
    """The run goes on with it: whether that is right, its author knows."""
    SAFE = "safe"
    """The run stays as it was."""
    NEW = "new"
    """It is of runs to come."""


class Kind(StrEnum):
    """What is different."""

    DAG_GONE = "DAG gone"
    DAG_ADDED = "DAG added"
    FILE_MOVED = "file moved"
    TASK_GONE = "task gone"
    TASK_ADDED = "task added"
    MAPPING = "mapped or not"
    SHORTER = "mapping shorter"
    LONGER = "mapping longer"
    XCOM = "XCom type"
    OPERATOR = "operator class"
    TASK_IMAGE = "image of a task"
    IDENTITY = "identity of a task"
    GROUP = "group of a task"
    SCHEDULE = "schedule"
    PARAMS = "params"
    TRIGGER_GONE = "trigger gone"
    TRIGGER_ARGUMENTS = "trigger arguments"
    TRIGGER_CODE = "trigger code"


@dataclass(frozen=True, kw_only=True)
class Consequence:
    pinned: Effect
    """For a run that stays on its commit."""
    unpinned: Effect
    """For a run without a version of its own."""
    reason: str


CONSEQUENCES: Final[Mapping[Kind, Consequence]] = {
    Kind.DAG_GONE: Consequence(
        pinned=Effect.BREAKS,
        unpinned=Effect.BREAKS,
        reason="the scheduler passes by runs of a DAG that no file makes: they stay as they are, without an end",
    ),
    Kind.FILE_MOVED: Consequence(
        pinned=Effect.BREAKS,
        unpinned=Effect.SAFE,
        reason="the next task looks for its DAG at the new path, in the run's own commit, where it is not",
    ),
    Kind.TRIGGER_GONE: Consequence(
        pinned=Effect.BREAKS,
        unpinned=Effect.BREAKS,
        reason="a deferred task has the trigger's dotted name, and the triggerer has only the newest code",
    ),
    Kind.TRIGGER_ARGUMENTS: Consequence(
        pinned=Effect.BREAKS,
        unpinned=Effect.BREAKS,
        reason="the triggerer calls the newest class with the arguments that a deferred task has stored",
    ),
    Kind.TRIGGER_CODE: Consequence(
        pinned=Effect.REACHES,
        unpinned=Effect.REACHES,
        reason="deferred tasks go on with the newest code of the trigger, and their own of the operator",
    ),
    Kind.TASK_GONE: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.BREAKS,
        reason="what waits for it, or reads its XCom, finds nothing; renaming is this and a new task",
    ),
    Kind.MAPPING: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.BREAKS,
        reason="map indexes that exist are not those of the new task",
    ),
    Kind.SHORTER: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.BREAKS,
        reason="instances that exist have no argument any more and are removed",
    ),
    Kind.LONGER: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.REACHES,
        reason="a run gets the further instances",
    ),
    Kind.XCOM: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.BREAKS,
        reason="a later task reads an XCom of the former type",
    ),
    Kind.OPERATOR: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.BREAKS,
        reason="a retry or a deferred task goes on in another class, and its XCom may be another",
    ),
    Kind.TASK_IMAGE: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.REACHES,
        reason="the name of the image is in the DAG, with the tag that `images/lock.json` of its commit has",
    ),
    Kind.IDENTITY: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.REACHES,
        reason="the name of the identity is in the DAG",
    ),
    Kind.GROUP: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.REACHES,
        reason="the same task id in another group",
    ),
    Kind.PARAMS: Consequence(
        pinned=Effect.SAFE,
        unpinned=Effect.REACHES,
        reason="a run has the defaults of its own DAG",
    ),
    Kind.TASK_ADDED: Consequence(
        pinned=Effect.NEW,
        unpinned=Effect.REACHES,
        reason="a run without a version of its own gets the task",
    ),
    Kind.SCHEDULE: Consequence(pinned=Effect.NEW, unpinned=Effect.NEW, reason="decides when the next run begins"),
    Kind.DAG_ADDED: Consequence(pinned=Effect.NEW, unpinned=Effect.NEW, reason="it has no run yet"),
}
"""Worst first."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference; a trigger's stands once for each DAG that it concerns."""

    dag_id: str
    task_id: str
    kind: Kind
    before: str
    after: str
    file: str
    line: int
    pinned: Effect
    unpinned: Effect
    effect: Effect
    """On the DAG's runs: pinned or unpinned, as the DAG was before."""
    reason: str


def changes(base: Shape, head: Shape) -> list[Change]:
    """Worst first. A file that cannot be imported is no difference: its DAGs are not gone."""
    found: list[Change] = []
    for dag_id, before in base.dags.items():
        after = head.dags.get(dag_id)
        if after is None and before.file not in head.failed:
            found.append(_change(before, Kind.DAG_GONE, dag_id, ""))
        elif after is not None:
            found += _of_dag(before, after)
        found += _of_triggers(before, base, head)
    for dag_id in head.dags.keys() - base.dags.keys():
        dag = head.dags[dag_id]
        if dag.file not in base.failed:
            found.append(_change(dag, Kind.DAG_ADDED, "", dag_id))
    order = list(CONSEQUENCES)
    worst = list(Effect)
    return sorted(found, key=lambda each: (worst.index(each.effect), order.index(each.kind), each.dag_id, each.task_id))


def _of_dag(before: DagShape, after: DagShape) -> Iterator[Change]:
    if before.file != after.file:
        yield _change(before, Kind.FILE_MOVED, before.file, after.file, at=after)
    if before.schedule != after.schedule:
        yield _change(before, Kind.SCHEDULE, before.schedule, after.schedule, at=after)
    if before.params != after.params:
        yield _change(before, Kind.PARAMS, _pairs(before.params), _pairs(after.params), at=after)
    for task_id, was in before.tasks.items():
        if task_id not in after.tasks:
            yield _change(before, Kind.TASK_GONE, task_id, "", task_id, at=after)
        else:
            for kind, old, new in _of_task(was, after.tasks[task_id]):
                yield _change(before, kind, old, new, task_id, at=after)
    for task_id in after.tasks.keys() - before.tasks.keys():
        yield _change(before, Kind.TASK_ADDED, "", task_id, task_id, at=after)


def _of_task(before: TaskShape, after: TaskShape) -> Iterator[tuple[Kind, str, str]]:
    if (before.mapped is None) != (after.mapped is None):
        yield Kind.MAPPING, _mapping(before.mapped), _mapping(after.mapped)
    elif before.mapped != after.mapped and before.mapped is not None and after.mapped is not None:
        # What a run will map to is not known, and a run that is mapped keeps its indexes where there are as many.
        shorter = DYNAMIC in (before.mapped, after.mapped) or after.mapped < before.mapped
        yield Kind.SHORTER if shorter else Kind.LONGER, _mapping(before.mapped), _mapping(after.mapped)
    if before.xcom and after.xcom and before.xcom != after.xcom and before.xcom != "None":
        yield Kind.XCOM, before.xcom, after.xcom
    for kind, old, new in (
        (Kind.OPERATOR, before.operator, after.operator),
        (Kind.TASK_IMAGE, before.image, after.image),
        (Kind.IDENTITY, before.identity, after.identity),
        (Kind.GROUP, before.group, after.group),
    ):
        if old != new:
            yield kind, old, new


def _of_triggers(dag: DagShape, base: Shape, head: Shape) -> Iterator[Change]:
    """Of those that the DAG's file imports; where no DAG's file imports the trigger, it may be any DAG's.

    The row has the name under which the class is defined; an import elsewhere keeps that name alive when it moves.
    """
    imported = {file for each in base.dags.values() for file in each.modules}
    for name, before in base.triggers.items():
        if name != before.name or (before.file not in dag.modules and before.file in imported):
            continue
        after = head.triggers.get(name)
        if after is None:
            yield _change(dag, Kind.TRIGGER_GONE, name, "", at=before)
        elif wrong := refused_arguments(before, after):
            yield _change(dag, Kind.TRIGGER_ARGUMENTS, f"{name}({', '.join(_kept(before))})", wrong, at=after)
        elif before.code != after.code:
            yield _change(dag, Kind.TRIGGER_CODE, name, "", at=after)


def refused_arguments(before: TriggerShape, after: TriggerShape) -> str:
    """Why the newer class refuses what rows of the older have; empty where it does not."""
    if after.accepted is None or (before.kept is None and before.accepted is None):
        return ""
    kept = _kept(before)
    unknown = [] if after.takes_any else [each for each in kept if each not in after.accepted]
    lacking = [each for each in after.required if each not in kept]
    parts = [f"takes no {each}" for each in unknown] + [f"needs {each}" for each in lacking]
    return ", ".join(parts)


def _kept(trigger: TriggerShape) -> tuple[str, ...]:
    return trigger.kept if trigger.kept is not None else trigger.accepted or ()


def _change(
    dag: DagShape,
    kind: Kind,
    before: str,
    after: str,
    task_id: str = "",
    *,
    at: DagShape | TriggerShape | None = None,
) -> Change:
    """`dag` as it was, whose runs are meant; `at` is where the newer revision has it."""
    consequence = CONSEQUENCES[kind]
    place = at or dag
    return Change(
        dag_id=dag.dag_id,
        task_id=task_id,
        kind=kind,
        before=before,
        after=after,
        file=place.file,
        line=place.line,
        pinned=consequence.pinned,
        unpinned=consequence.unpinned,
        effect=consequence.pinned if dag.pinned else consequence.unpinned,
        reason=consequence.reason,
    )


def _mapping(length: int | None) -> str:
    return "not mapped" if length is None else "mapped at run time" if length == DYNAMIC else f"{length} instances"


def _pairs(params: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items())
