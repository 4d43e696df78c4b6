"""Airflow's cluster policies: what a DAG file may say on a platform that several tenants share.

`dag_policy` and `task_policy` run where DAGs are parsed, in the tenant's own processes: their use is a readable import
error. `task_instance_mutation_hook` runs in the scheduler, so nothing in a DAG file goes around it. Thin hooks over
`RULES` and `pod_request`; loaded by every Airflow process, so it imports little.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from airflow.configuration import conf
from airflow.exceptions import AirflowClusterPolicyViolation
from airflow.policies import hookimpl

from ariel_runtime.environment import ENVIRONMENT, LAPTOP
from ariel_runtime.notifications.wishes import misunderstood
from ariel_runtime.pod_request import REFUSED, pod_request
from ariel_runtime.refusal import Problem, RefusedError

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import DAG
    from airflow.sdk.types import Operator

NAME_OWN_DAGS: Final = (
    "name a DAG of the own team, or let the other team's DAG wait for an asset of this one, "
    "`Asset(..., access_control=AssetAccessControl(producer_teams=[...]))`"
)
"""What an author does instead of naming another team's DAG."""

_DEFAULT_POOL: Final = "default_pool"
_NAMES_OF_DAGS: Final = ("trigger_dag_id", "external_dag_id")
_STANDARD: Final = "airflow.providers.standard."
"""Where Airflow's own operators, sensors and markers are that name a DAG by these fields."""


def id_has_prefix(slug: str, dag: DAG) -> Problem | None:
    """Ids are global in Airflow: without a prefix the last tenant that parses an id would own it."""
    if dag.dag_id.startswith(f"{slug}."):
        return None
    return Problem(
        path="dag_id",
        value=dag.dag_id,
        rule=f"begins with '{slug}.', the tenant whose repository holds it",
        action=f"rename the DAG to '{slug}.{dag.dag_id}'",
    )


def owned_pool(slug: str, pool: str) -> str | None:
    """The pool in which a task that names `pool` runs: the tenant's own for the default; None for a foreign one."""
    if pool == _DEFAULT_POOL:
        return slug
    return pool if pool == slug or pool.startswith(f"{slug}.") else None


def pool_is_own(slug: str, task: Operator) -> Problem | None:
    """A task in another tenant's pool would take that tenant's slots."""
    if owned_pool(slug, task.pool):
        return None
    return Problem(
        path=f"tasks.{task.task_id}.pool",
        value=task.pool,
        rule=f"'{slug}', which is the default, or a pool whose name begins with '{slug}.'",
        action="leave `pool` out, or name one of your own",
    )


def named_dags_are_own(slug: str, task: Operator) -> Problem | None:
    """The API server refuses another team's when the task runs (`own_dags`); what is no template is known before."""
    # Of a mapped task these are the class and the arguments that all its instances share.
    kind = getattr(task, "operator_class", type(task))
    given = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    if not any(each.__module__.startswith(_STANDARD) for each in kind.__mro__):
        return None
    for field in _NAMES_OF_DAGS:
        named = given.get(field)
        if isinstance(named, str) and "{" not in named and not named.startswith(f"{slug}."):
            return Problem(
                path=f"tasks.{task.task_id}.{field}",
                value=named,
                rule=f"begins with '{slug}.', as the DAGs of the task's own team do",
                action=NAME_OWN_DAGS,
            )
    return None


def alerts_are_understood(slug: str, dag: DAG) -> Problem | None:
    return misunderstood(dag.tags)


DAG_RULES: Final[tuple[Callable[[str, DAG], Problem | None], ...]] = (id_has_prefix, alerts_are_understood)
TASK_RULES: Final[tuple[Callable[[str, Operator], Problem | None], ...]] = (pool_is_own, named_dags_are_own)


@hookimpl
def dag_policy(dag: DAG) -> None:
    """On a laptop a DAG begins paused, whatever its file says: to look at it there must not run it."""
    if os.environ.get(ENVIRONMENT) == LAPTOP:
        dag.is_paused_upon_creation = True
    if slug := own_slug():
        _refuse([problem for rule in DAG_RULES if (problem := rule(slug, dag))])


@hookimpl
def task_policy(task: Operator) -> None:
    if not (slug := own_slug()):
        return
    _refuse([problem for rule in TASK_RULES if (problem := rule(slug, task))])
    try:
        pod_request(task.executor_config)
    except RefusedError as refused:
        raise AirflowClusterPolicyViolation(f"tasks.{task.task_id}.{refused}") from None


@hookimpl
def task_instance_mutation_hook(task_instance: TaskInstance) -> None:
    """Put the task into a pool of its tenant and the one executor, and keep of a refused `executor_config` the refusal.

    Airflow would store the rest as a pickle, which the scheduler and the API server read again and again: one that
    they cannot read, or a configuration that is no dictionary, ends the scheduler at each start. A task with an
    executor that does not exist would wait for ever.
    """
    task_instance.executor = None
    slug, dot, _ = task_instance.dag_id.partition(".")
    if dot:
        task_instance.pool = owned_pool(slug, task_instance.pool) or slug
    try:
        pod_request(task_instance.executor_config)
    except RefusedError as refused:
        task_instance.executor_config = {REFUSED: str(refused)}


def own_slug() -> str | None:
    """The tenant whose DAGs this process parses: the one bundle in its list. None in shared parts, which parse none."""
    return _only_bundle(conf.get("dag_processor", "dag_bundle_config_list", fallback="[]"))


@lru_cache(maxsize=1)
def _only_bundle(bundles: str) -> str | None:
    names = [bundle["name"] for bundle in json.loads(bundles)]
    return names[0] if len(names) == 1 else None


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise AirflowClusterPolicyViolation("\n".join(map(str, problems)))
