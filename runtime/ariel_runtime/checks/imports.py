"""Whether every file can be read, and every DAG file be imported by the DAG processor."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.parsing import Failure, ParsedFile
from ariel_runtime.checks.shape import python_files

CHECK: Final = "imports"
_PROVIDER: Final = re.compile(r"No module named 'airflow\.providers\.")
"""The image has providers that this environment may lack."""


def findings(root: Path, parsed: Sequence[ParsedFile]) -> Iterator[Finding]:
    said = set()
    for each in (failure for file in parsed for failure in file.failures if not failure.by_policy):
        said.add(each.file)
        yield _finding(each)
    for path in python_files(root):
        file = str(path.relative_to(root))
        if file not in said and (wrong := _unreadable(file, path)):
            yield wrong


def _finding(failure: Failure) -> Finding:
    state, reason = State.BROKEN, failure.text
    if _PROVIDER.search(reason):
        state, reason = State.UNKNOWN, f"{reason}: judged by its text only"
    return Finding(
        check=CHECK,
        file=failure.file,
        line=failure.line,
        kind="dag" if failure.dag_id else "file",
        id=failure.dag_id,
        state=state,
        reason=reason,
    )


def _unreadable(file: str, path: Path) -> Finding | None:
    try:
        ast.parse(path.read_bytes(), file)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        text = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
        return Finding(check=CHECK, file=file, line=line, kind="file", id="", state=State.BROKEN, reason=text)
    return None
