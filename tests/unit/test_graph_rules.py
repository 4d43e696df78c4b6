"""Every rule holds on every shipped stack."""

from __future__ import annotations

import pytest

from tests.graph_rules import (
    exposure,
    identities,
    names,
    order,
    protection,
    rights,
    roles,
    secrecy,
    shape,
    tags,
    workloads,
)
from tests.graph_rules.subjects import NothingToJudgeError, Rule
from tests.harness import Graph

MODULES = (tags, names, roles, identities, order, protection, exposure, secrecy, shape, workloads, rights)
RULES = [rule for module in MODULES for rule in module.RULES]
EMPTY = Graph(stack="empty", resources=())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_stack_keeps_the_rule(rule: Rule, graph: Graph) -> None:
    offenders = rule(graph)
    assert not offenders, f"{rule.__name__} ({rule.__doc__}):\n" + "\n".join(offenders)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_that_has_nothing_to_judge_does_not_pass(rule: Rule) -> None:
    try:
        offenders = rule(EMPTY)
    except NothingToJudgeError:
        return
    assert offenders, f"{rule.__name__} passes on a graph without resources"
