"""Whether the platform's cluster policies take every DAG: the prefix of its id, its pools, what it asks of its pods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.parsing import ParsedFile

CHECK: Final = "policies"


def findings(parsed: Sequence[ParsedFile]) -> Iterator[Finding]:
    for each in (failure for file in parsed for failure in file.failures if failure.by_policy):
        yield Finding(
            check=CHECK,
            file=each.file,
            line=each.line,
            kind="dag",
            id=each.dag_id,
            state=State.BROKEN,
            reason=each.text,
        )
