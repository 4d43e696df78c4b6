"""What a file does while it is parsed that belongs into a task: it is done again at every parse, each minute or so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.parsing import ParsedFile

CHECK: Final = "top-level"


def findings(parsed: Sequence[ParsedFile]) -> Iterator[Finding]:
    """Each place once, however many files import its module."""
    return iter(sorted({each for file in parsed for each in (*_look_ups(file), *_effects(file))}))


def _look_ups(parsed: ParsedFile) -> Iterator[Finding]:
    for each in parsed.look_ups:
        file, _, line = each.place.rpartition(":")
        yield _finding(file, int(line), str(each.kind), each.identifier, each.problem().action)


def _effects(parsed: ParsedFile) -> Iterator[Finding]:
    for each in parsed.effects:
        yield _finding(each.file, each.line, each.kind, each.what, "move it into a task")


def _finding(file: str, line: int, kind: str, name: str, reason: str) -> Finding:
    return Finding(check=CHECK, file=file, line=line, kind=kind, id=name, state=State.WARNING, reason=reason)
