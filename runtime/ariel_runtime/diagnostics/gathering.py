"""From what the tasks found to one report: pure, and the same for every tenant."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from ariel_runtime.diagnostics.parts import EXECUTION
from ariel_runtime.diagnostics.picture import drawn
from ariel_runtime.diagnostics.report import REPORT, Finding, Report, State, unanswered
from ariel_runtime.refusal import Problem, RefusedError


def gathered(
    *,
    dag_id: str,
    run_id: str,
    environment: str,
    when: datetime,
    found: Mapping[str, Any],
    more: Iterable[Finding] = (),
) -> Report:
    """`found`: id of a task -> the finding that it returned, or None; `more` is what else was found."""
    findings = (*_read(found), _transfer(found.get(EXECUTION), run_id), *more)
    stamp = when.strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = [f"{environment}: {dag_id} ran at {stamp}.", *(f"{each.part}: {_words(each)}" for each in findings)]
    picture = drawn(f"{dag_id} in {environment}", stamp, findings)
    return Report(
        dag_id=dag_id,
        run_id=run_id,
        when=when,
        findings=findings,
        text="\n".join(lines),
        picture=base64.b64encode(picture).decode(),
    )


def refuse_failed(report: Report) -> None:
    """Raises RefusedError that names each part that failed."""
    problems = [
        Problem(
            path=each.part,
            value=each.state.value,
            rule=each.text,
            action=f"read the log of task {each.part}; where there is none, of {REPORT}",
        )
        for each in report.findings
        if each.state is State.FAILED
    ]
    if problems:
        raise RefusedError(problems)


def _read(found: Mapping[str, Any]) -> Iterator[Finding]:
    for part, value in found.items():
        try:
            yield Finding.model_validate(value)
        except ValidationError:
            yield unanswered(part)


def _transfer(value: Any, run_id: str) -> Finding:
    """Whether this task reads by XCom what another one of the same run wrote."""
    read = value.get("facts", {}).get("run") if isinstance(value, dict) else None
    if read == run_id:
        return Finding(part="xcom", state=State.OK, text="what one task wrote, another one read")
    return Finding(
        part="xcom", state=State.FAILED, text=f"of task {EXECUTION}, {read!r} was read instead of {run_id!r}"
    )


def _words(finding: Finding) -> str:
    return finding.text if finding.state is State.OK else f"{finding.state.upper()}: {finding.text}"
