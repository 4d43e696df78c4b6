"""What an environment writes down is kept for as long as its class says, and deleted then."""

from __future__ import annotations

import pytest

from stacks.classes import DEFAULTS
from stacks.settings import EnvironmentClass
from tests.graph_rules.subjects import some
from tests.recordings import graph_of, raw_settings


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_logs_are_kept_for_as_long_as_the_class_says(stack: str) -> None:
    kept = DEFAULTS[EnvironmentClass(raw_settings(stack)["class"])]["logs"]
    graph = graph_of(stack)
    (workspace,) = some(graph, "operationalinsights:Workspace")
    assert workspace.inputs["retentionInDays"] == kept["workspaceDays"]
    (policy,) = some(graph, "storage:ManagementPolicy")
    (rule,) = policy.inputs["policy"]["rules"]
    assert rule["enabled"]
    deletion = rule["definition"]["actions"]["baseBlob"]["delete"]
    assert deletion == {"daysAfterModificationGreaterThan": kept["taskDays"]}
