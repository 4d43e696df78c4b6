"""The previews of the shipped environments need neither an account nor a network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.paths import cache
from tests.workbench import Workbench

NOWHERE = "http://127.0.0.1:9"
"""The discard port (RFC 863), where nobody listens: whoever goes through this proxy gets nowhere."""


@pytest.fixture(scope="module")
def bench(new_workbench: Callable[[], Workbench]) -> Workbench:
    return new_workbench()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_shipped_environment_previews_without_account_and_network(
    bench: Workbench, stack: str, tools: dict[str, Path], tmp_path: Path
) -> None:
    signed_out = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ARM_"))}
    alone = {"HOME": str(tmp_path), "ARIEL_CACHE": str(cache()), "HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE}
    environment = signed_out | bench.environment() | alone | {"NO_PROXY": "127.0.0.1,localhost"}
    answer = bench.ariel("preview", "--stack", stack, "--json", env=environment)
    assert answer.returncode == 0, answer.stderr
    plan = json.loads(answer.stdout)
    assert plan.keys() == {"summary", "steps"}
    assert plan["summary"].keys() == {"create"}
    assert plan["summary"]["create"] == len(plan["steps"]) > 200
    assert all(step.keys() == {"op", "urn", "diff"} for step in plan["steps"])
    assert not bench.arm_writes(stack=stack)
