"""Whether each file is imported within the seconds that the tenant's DAG processor gives it.

A file that takes longer ends with an import error. Seconds differ from machine to machine, so nearness is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.parsing import ParsedFile

CHECK: Final = "budget"
_SHARE: Final = 0.5
"""Of the budget; more is a warning."""


def findings(parsed: Sequence[ParsedFile], budget: float) -> Iterator[Finding]:
    for each in parsed:
        if each.seconds > budget * _SHARE:
            yield Finding(
                check=CHECK,
                file=each.file,
                line=1,
                kind="file",
                id="",
                state=State.BROKEN if each.seconds > budget else State.WARNING,
                reason=f"imported in {each.seconds:.1f} s of {budget:g} s: move what takes long into a task",
            )
