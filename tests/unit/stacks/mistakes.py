"""The shape of a mistake in settings and of the one message that it must lead to."""

from __future__ import annotations

from typing import Any, NamedTuple

from stacks.rules import RULES
from stacks.rules.rule import Rule
from tests.unit.stacks.samples import problems, unjudged


class Mistake(NamedTuple):
    """Changes to valid settings of a class; the problem's whole path and value, and words of its rule and action."""

    class_: str
    changes: dict[str, Any]
    path: str
    value: str
    rule: str
    action: str


def check(mistake: Mistake) -> None:
    """The mistake leads to exactly one problem, which has all four parts."""
    found = problems(mistake.class_, mistake.changes)
    assert [problem.path for problem in found] == [mistake.path], "\n".join(map(str, found))
    (problem,) = found
    assert problem.value == mistake.value
    assert mistake.rule in problem.rule
    assert mistake.action in problem.action


def offended(mistake: Mistake) -> set[Rule]:
    """The rules which object to the mistake."""
    settings = unjudged(mistake.class_, mistake.changes)
    return {rule for rule in RULES if list(rule.check(settings))}
