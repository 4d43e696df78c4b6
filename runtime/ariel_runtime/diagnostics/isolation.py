"""That an isolated task runs: a function under another interpreter, written and started as those of a team are.

It goes to the image's own Python, which every image has, so that no child image is needed. What it is sent and what it
returns are files; `report` judges what it saw.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import XComArg
from pydantic import BaseModel, ValidationError

from ariel_runtime.diagnostics.report import LONGEST_TEXT, Finding, State, Text, unanswered
from ariel_runtime.isolated.decorator import isolated_task

ISOLATED: Final = "isolated"
_INTERPRETER: Final = "python3"


class _Seen(BaseModel):
    """What `seen` returns."""

    run: Text
    interpreter: Text
    python: Text
    process: int
    imported: bool
    variables: list[str]


def isolated(timeout: timedelta) -> XComArg:
    """The task, in the DAG that is being made."""
    named = {"task_id": ISOLATED, "environment": _INTERPRETER, "execution_timeout": timeout}
    found: XComArg = isolated_task(seen, multiple_outputs=False, **named)()
    return found


def seen(run_id: str) -> dict[str, object]:
    """Where this runs, and what of Airflow's is there. Its source alone is sent: it imports what it needs."""
    import os
    import sys

    return {
        "run": run_id,
        "interpreter": sys.executable,
        "python": ".".join(str(number) for number in sys.version_info[:3]),
        "process": os.getpid(),
        "imported": "airflow" in sys.modules,
        "variables": sorted(name for name in os.environ if name.lstrip("_").startswith("AIRFLOW")),
    }


def isolated_of(value: Any, run_id: str) -> Finding:
    """What the task returned, judged: Airflow keeps its token and its secrets in its process and its variables."""
    try:
        found = _Seen.model_validate(value)
    except ValidationError:
        return unanswered(ISOLATED)
    wrong = {
        f"it was given {found.run!r} instead of {run_id!r}": found.run != run_id,
        "it is Airflow's own process": found.imported,
        f"it has Airflow's variables {', '.join(found.variables)}": bool(found.variables),
    }
    if any(wrong.values()):
        text = "; ".join(reason for reason, applies in wrong.items() if applies)
        return Finding(part=ISOLATED, state=State.FAILED, text=text[:LONGEST_TEXT])
    text = f"{found.interpreter}, Python {found.python}: process {found.process}, without Airflow and its variables"
    facts = {"interpreter": found.interpreter, "python": found.python}
    return Finding(part=ISOLATED, state=State.OK, text=text[:LONGEST_TEXT], facts=facts)
