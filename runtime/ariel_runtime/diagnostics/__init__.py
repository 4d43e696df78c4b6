"""The DAG `<slug>.diagnostics`, which a team's repository holds by one call: whether what a task needs is there.

    \"\"\"Whether a task of this team finds all it needs; on Airflow's page `/hello/`.\"\"\"
    from ariel_runtime.diagnostics import Place, diagnostics_dag
    diagnostics_dag("weather", forecast=Place("Hamburg", 53.55, 9.99))

Each task looks at one part, as the team's own tasks would. `report` looks at what needs no task of its own and gathers
all that was found, for the page `/hello/` and for `ariel smoke`; it fails where a part has. The file must say "Airflow"
somewhere, as above: Airflow passes over files that do not (`dag_discovery_safe_mode`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from airflow.sdk import XComArg, dag, get_current_context, task

from ariel_runtime.diagnostics.forecast import FORECAST, Place, forecast_at
from ariel_runtime.diagnostics.isolation import isolated, isolated_of
from ariel_runtime.diagnostics.notification import NOTIFICATION, notification
from ariel_runtime.diagnostics.parts import PARTS, Look
from ariel_runtime.diagnostics.report import DAG, REPORT, Finding, State, failure

__all__ = ["Place", "diagnostics_dag"]

_PART_TIMEOUT: Final = timedelta(minutes=2)
_REPORT_TIMEOUT: Final = timedelta(minutes=5)
"""A vault that does not answer is given up after some minutes; what is cut off before reports nothing at all."""
_RUN_TIMEOUT: Final = timedelta(minutes=10)
_RETURNED: Final = "return_value"
_NO_PLACE: Final = Finding(
    part=FORECAST,
    state=State.ABSENT,
    text="no forecast is asked for: this repository names no place (`diagnostics_dag(..., forecast=Place(...))`)",
)


def diagnostics_dag(slug: str, *, forecast: Place | None = None) -> None:
    """Call it at the top level of a file in the folder of DAGs.

    `forecast` is where the team wants to know the weather, if its tasks may reach the weather service.
    """
    looks: dict[str, Look] = dict(PARTS)
    if forecast:
        looks[FORECAST] = partial(forecast_at, forecast)

    @dag(
        dag_id=f"{slug}{DAG}",
        schedule=None,
        is_paused_upon_creation=False,
        # Two at once would write the same variable.
        max_active_runs=1,
        dagrun_timeout=_RUN_TIMEOUT,
        tags=["diagnostics"],
    )
    def build() -> None:
        @task(task_id=REPORT, trigger_rule="all_done", multiple_outputs=False, execution_timeout=_REPORT_TIMEOUT)
        def report(found: dict[str, Any], seen: Any) -> dict[str, Any]:
            return _reported(found, seen, asked=forecast is not None)

        report({name: _looking(name, look) for name, look in looks.items()}, isolated(_PART_TIMEOUT))

    build()


def _looking(part: str, look: Look) -> XComArg:
    """The task of that part."""

    @task(task_id=part, multiple_outputs=False, execution_timeout=_PART_TIMEOUT)
    def find() -> dict[str, Any]:
        instance: Any = get_current_context()["ti"]
        return _kept(instance, partial(_shown, part, look, instance))

    found: XComArg = find()
    return found


def _shown(part: str, look: Look, instance: Any) -> dict[str, Any]:
    finding = look(instance)
    print(f"{part} of {instance.run_id}: {finding.state}: {finding.text}")
    return finding.model_dump(mode="json")


def _kept(instance: Any, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the work returns. Where it fails, why, also returned: a failed task leaves its report nothing else."""
    try:
        return work()
    except Exception as error:
        instance.xcom_push(_RETURNED, failure(instance.task_id, error).model_dump(mode="json"))
        raise


def _reported(found: dict[str, Any], seen: Any, *, asked: bool) -> dict[str, Any]:
    """Returns a report; `seen` is what the isolated task returned.

    Raises RefusedError where a part failed, once the report is kept.
    """
    from airflow.sdk.configuration import conf

    from ariel_runtime.diagnostics.gathering import gathered, refuse_failed

    instance: Any = get_current_context()["ti"]
    here = isolated_of(seen, instance.run_id), _found(NOTIFICATION, notification, instance)
    report = gathered(
        dag_id=instance.dag_id,
        run_id=instance.run_id,
        environment=conf.get("api", "instance_name", fallback="") or "an environment without a name",
        when=datetime.now(UTC),
        found=found,
        more=here if asked else (*here, _NO_PLACE),
    )
    print(report.text)
    value = report.model_dump(mode="json")
    try:
        refuse_failed(report)
    except Exception:
        instance.xcom_push(_RETURNED, value)
        raise
    return value


def _found(part: str, look: Look, instance: Any) -> Finding:
    try:
        return look(instance)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        return failure(part, error)
