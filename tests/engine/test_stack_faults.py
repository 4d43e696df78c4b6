"""Azure has a bad day in the middle of an `up`: it ends well without a second try, nothing twice and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cli.plan import Plan
from sandbox.lifecycle import Sandbox
from stacks.errors import EngineError
from tests.engine.small_program import PARTS, SmallStack
from tests.workbench import Workbench

CASES: dict[str, dict[str, Any]] = {
    "fail429": {"action": "fail", "status": 429, "code": "TooManyRequests", "times": 3},
    "fail500": {"action": "fail", "status": 500, "times": 3},
    "fail503": {"action": "fail", "status": 503, "code": "ServiceUnavailable", "times": 3},
    "lostanswer": {"action": "create-then-500", "times": 3},
    "cutbefore": {"action": "drop", "when": "before", "times": 3},
    "cutafter": {"action": "drop", "when": "after", "times": 3},
    "slow": {"action": "delay", "seconds": 1, "times": 4},
    "throttled": {"action": "throttle", "retry_after": 1, "times": 6},
    "busy": {"action": "fail", "status": 409, "code": "ServerIsBusy", "times": 4},
    "another": {"action": "fail", "status": 409, "code": "AnotherOperationInProgress", "times": 4},
    "unknown": {"action": "fail", "status": 400, "code": "PrincipalNotFound", "times": 4},
    "federated": {
        "action": "fail",
        "status": 409,
        "code": "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
        "times": 4,
    },
}
"""Name of the stack -> what happens to writes of its resources, the group's own apart."""


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    bench = new_workbench()
    bench.session().sandbox.start(cluster=False)
    return bench


@pytest.fixture(scope="module")
def sandbox(bench: Workbench) -> Sandbox:
    return bench.session().sandbox


def standing(bench: Workbench) -> list[str]:
    """Lower-case ids of what stands in Azure, as often as it does."""
    return sorted(resource["id"].lower() for resource in bench.arm())


@dataclass(frozen=True)
class Done:
    plan: Plan
    left: list[dict[str, Any]]
    """Faults that have not struck as often as they should."""
    known: list[str]
    standing: list[str]


@pytest.fixture(scope="module")
def done(bench: Workbench, sandbox: Sandbox) -> Done:
    """One `up` of one set of resources per fault, all at the same time."""
    match = {name: {"method": "PUT", "path": f"*/rg-{name}/providers/*"} for name in CASES}
    bench.arm(method="PUT", path="faults", body={"rules": [{"match": match[n], **fault} for n, fault in CASES.items()]})
    stack = SmallStack(sandbox, "faults", tuple(CASES))
    plan = stack.engine().up()
    left = [fault for fault in bench.arm(path="faults")["rules"] if fault["times"]]
    return Done(plan, left, stack.ids(), standing(bench))


@pytest.mark.parametrize("name", CASES)
def test_an_up_survives(done: Done, name: str) -> None:
    steps = [step for step in done.plan.steps if f"::{name}-" in step["urn"]]
    assert steps
    assert {step["op"] for step in steps} == {"create"}
    assert not [fault for fault in done.left if f"rg-{name}/" in fault["match"]["path"]], "it did not strike"
    ours = [each for each in done.known if f"/rg-{name}/" in each]
    assert ours == [each for each in done.standing if f"/rg-{name}/" in each]
    assert len(ours) == len(set(ours)) == PARTS


def fail(bench: Workbench, name: str, times: int) -> None:
    """So many operations on the set's network are accepted and then end as failed."""
    rule = {"match": {"method": "PUT", "name": f"vnet-{name}"}, "action": "lro-fail", "code": "Broken", "times": times}
    bench.arm(method="PUT", path="faults", body={"rules": [rule]})


def test_an_operation_that_azure_ends_as_failed_is_mended_in_the_same_up(bench: Workbench, sandbox: Sandbox) -> None:
    stack = SmallStack(sandbox, "broken", ("broken",))
    fail(bench, "broken", times=1)
    plan = stack.engine().up()
    assert plan.summary["update"] == 1
    assert len({step["urn"] for step in plan.steps if step["op"] == "create"}) == plan.summary["create"]
    assert stack.ids() == [each for each in standing(bench) if "-broken" in each]


def test_an_operation_that_goes_on_failing_is_said_and_not_tried_for_ever(bench: Workbench, sandbox: Sandbox) -> None:
    stack = SmallStack(sandbox, "hopeless", ("hopeless",))
    fail(bench, "hopeless", times=3)
    with pytest.raises(EngineError, match="Broken"):
        stack.engine().up()
    assert [fault["times"] for fault in bench.arm(path="faults")["rules"]] == [1]
