"""Where a message goes: by the tenant's block in the stack file, and by what the DAG's author asks.

The scheduler has the block from the registry. A task's pod is given it in a variable, so that the tenant's diagnostics
can look at what a failure would send; the names in it are no secrets.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

from ariel_runtime.notifications.message import Kind
from ariel_runtime.notifications.wishes import Wishes
from ariel_runtime.registry import Alerts

ALERTS: Final = "ARIEL_ALERTS"
"""Variable of a task's pod; not there where the tenant has no alerts."""
CONNECTION: Final = "alerts"
"""Id of the connection with which the team's messages are sent."""
PAGER_CONNECTION: Final = "alerts_pager"
"""Id of the one for critical failures, beside the other."""


def targets(kind: Kind, wanted: Wishes, alerts: Alerts) -> dict[str, str]:
    """Id of the connection -> target."""
    found = {CONNECTION: wanted.target or alerts.target}
    if kind is Kind.CRITICAL and alerts.pager:
        found[PAGER_CONNECTION] = alerts.pager
    return found


def as_variable(alerts: Alerts) -> str:
    return json.dumps(asdict(alerts))


def of_variable(text: str) -> Alerts:
    return Alerts(**json.loads(text))
