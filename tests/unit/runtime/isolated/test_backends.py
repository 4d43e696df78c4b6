"""Isolated tasks without pods, as on a laptop, and what becomes of them when they are killed."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.bases.operator import ExecutorSafeguard
from ariel_runtime.isolated import IsolatedOperator
from ariel_runtime.isolated.process import ENVIRONMENTS, InterpreterError, Process
from ariel_runtime.laptop.unstarted import unstarted
from ariel_runtime.refusal import RefusedError

KILLED = "tests.unit.runtime.isolated.cases.shared.operators.Endless"
BACKEND = "AIRFLOW__ARIEL__ISOLATED_BACKEND"


def where(number: int, ds: str | None = None) -> dict[str, object]:
    import sys

    return {"number": number, "ds": ds, "airflow": "airflow" in sys.modules, "flags": sys.flags.utf8_mode}


def rendered(**arguments: Any) -> tuple[BaseOperator, Any]:
    """The task as Airflow has it before it executes it, and its context."""
    with DAG("weather.backends"):
        task = IsolatedOperator(task_id="task", **arguments)
    instance = unstarted(task, run_id="manual", moment=datetime(2026, 1, 1, tzinfo=UTC))
    context = instance.get_template_context()
    instance.render_templates(context)
    return task, context


def executed(task: BaseOperator, context: Any) -> Any:
    taken = ExecutorSafeguard.tracker.set(task)
    try:
        return task.execute(context)
    finally:
        ExecutorSafeguard.tracker.reset(taken)


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With one interpreter, which can be told from Airflow's own Python."""
    monkeypatch.setenv(BACKEND, "interpreter")
    program = tmp_path / "legacy" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -X utf8 "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv(ENVIRONMENTS, str(tmp_path))


@pytest.mark.usefixtures("laptop")
@pytest.mark.parametrize(
    "place", [{"image": "legacy"}, {"environment": "legacy"}, {"image": "x", "environment": "legacy"}]
)
def test_without_pods_a_function_runs_under_the_interpreter_of_that_name(place: dict[str, str]) -> None:
    found = executed(*rendered(python_callable=where, op_kwargs={"number": 3}, **place))
    assert found == {"number": 3, "ds": "2026-01-01", "airflow": False, "flags": 1}


@pytest.mark.usefixtures("laptop")
def test_without_pods_a_script_runs_under_its_interpreter() -> None:
    script = 'printf \'"%s"\' {{ ds }} > "$ARIEL_RESULT"\n'
    assert executed(*rendered(script=script, environment="sh", image="legacy")) == "2026-01-01"


@pytest.mark.usefixtures("laptop")
def test_a_function_for_an_image_that_this_machine_has_nothing_of_is_refused() -> None:
    """Airflow's own Python would do, and other packages than in production would be found."""
    with pytest.raises(RefusedError, match=r"(?s)'absent'.*on a laptop install a command of that name"):
        executed(*rendered(python_callable=where, op_kwargs={"number": 3}, image="absent"))


@pytest.mark.usefixtures("laptop")
def test_an_operator_is_refused_with_where_it_runs() -> None:
    """Whether this machine has its class or not: what to do is not to build an image."""
    for operator in (KILLED, "no.such.Operator"):
        with pytest.raises(RefusedError) as raised:
            rendered(operator=operator, image="legacy")
        assert str(raised.value).splitlines() == [
            f"operator: '{operator}'",
            "  rule:   a function or a script for the back end 'interpreter': an operator runs in the cluster only",
            "  action: run it on the platform, or write a function or a script for an `environment`",
        ]


def test_a_kill_reaches_the_operator(capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise the query that it started goes on in the database."""
    task, _ = rendered(operator=KILLED, image="legacy")
    task.on_kill()
    assert capsys.readouterr().out == "killed: task\n"


def test_a_kill_reaches_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it works on in a pod whose task is over."""
    task, context = rendered(script="sleep 20\n", environment="sh")
    started = threading.Event()
    waits: Callable[..., Any] = Process._echoed

    def once_started(self: Process, stream: Any) -> Any:
        started.set()
        return waits(self, stream)

    monkeypatch.setattr(Process, "_echoed", once_started)

    def kill() -> None:
        started.wait()
        task.on_kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(InterpreterError, match="sh ended with signal 15"):
        executed(task, context)
    killer.join()


def test_a_kill_before_there_is_anything_to_end_is_none() -> None:
    """Airflow may be told to end a task that it has not rendered."""
    with DAG("weather.backends"):
        IsolatedOperator(task_id="task", environment="sh", script="x\n").on_kill()
