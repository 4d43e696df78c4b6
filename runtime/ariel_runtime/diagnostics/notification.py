"""What the team would hear if these diagnostics failed, and whether the connections for it are there; sends nothing.

Channel and wishes, targets and text are made by what the scheduler makes them with.
"""

from __future__ import annotations

import os
from typing import Any, Final

from airflow.sdk import Connection
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException

from ariel_runtime.diagnostics.report import LONGEST_TEXT, Finding, State
from ariel_runtime.notifications.message import Kind, kind_of, message, title
from ariel_runtime.notifications.routes import ALERTS, of_variable, targets
from ariel_runtime.notifications.wishes import wishes

NOTIFICATION: Final = "notification"
_REASON: Final = "task_failure"


def notification(instance: Any) -> Finding:
    """Raises AirflowSecretsBackendAccessDenied where a connection is not given or is none."""
    if ALERTS not in os.environ:
        slug = instance.dag_id.partition(".")[0]
        return _absent(f"no channel: the stack file has no `tenants.{slug}.alerts`; a laptop has none")
    alerts, wanted = of_variable(os.environ[ALERTS]), wishes(instance.task.dag.tags)
    kind = kind_of(failed=True, wanted=wanted)
    if kind is None:
        return _absent("this DAG's tags ask for silence")
    said = _said(instance, kind)
    print(f"A failure of this run would say by {alerts.channel}:\n{said}")
    types = {}
    # The pager's too, which any DAG of the team may ask for.
    for each in targets(Kind.CRITICAL, wanted, alerts):
        try:
            types[each] = Connection.get(each).conn_type
        except AirflowNotFoundException:
            return _absent(f"{alerts.channel}, but nobody would hear: `ariel secrets set connection {each}`")
    by = ", ".join(f"{each} ({type_})" for each, type_ in types.items())
    text = f"{alerts.channel} by {by}, not sent: {title(said)}"
    return Finding(part=NOTIFICATION, state=State.OK, text=text[:LONGEST_TEXT], facts={"channel": alerts.channel})


def _said(instance: Any, kind: Kind) -> str:
    """As of this task, which fails where a part has."""
    return message(
        kind,
        team=instance.dag_id.partition(".")[0],
        environment=conf.get("api", "instance_name", fallback=""),
        base_url=conf.get("api", "base_url", fallback=""),
        dag_id=instance.dag_id,
        run_id=instance.run_id,
        reason=_REASON,
        failed_tasks=[instance.task_id],
        log_url=instance.log_url,
    ).text


def _absent(text: str) -> Finding:
    return Finding(part=NOTIFICATION, state=State.ABSENT, text=text[:LONGEST_TEXT])
