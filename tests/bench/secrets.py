"""What a secret costs a task: requests that reach the vault, and time beside that of the vault and of Entra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.bench.result import Goal, Result, median
from tests.bench.side import STACK
from tests.cluster.running_platform import RunningPlatform

RUNS: Final = 12
"""Of which the first does not count."""
LOOKUPS: Final = 20
NAME: Final = "bench"
DAG: Final = "weather.bench_secrets"
SOURCE: Final = f"""
import time

from airflow.sdk import Variable, dag, task


@dag(dag_id="{DAG}", schedule=None)
def bench_secrets():
    @task
    def looks_up():
        begun = time.perf_counter()
        Variable.get("{NAME}")
        first = time.perf_counter()
        for _ in range({LOOKUPS} - 1):
            Variable.get("{NAME}")
        return [1000 * (first - begun), 1000 * (time.perf_counter() - first)]

    looks_up()


bench_secrets()
"""
_FILE: Final = "dags/bench_secrets.py"
_ANSWERING: Final = (".vault.azure.net", "login.microsoftonline.com")


def measure(platform: RunningPlatform) -> Iterator[Result]:
    """On an idle platform."""
    arguments = ("secrets", "set", "variable", NAME, "--tenant", "weather", "--env", STACK)
    done = platform.workbench.ariel(*arguments, input="value")
    assert done.returncode == 0, done.stderr
    platform.push("weather", {_FILE: SOURCE})
    try:
        seen = [_run(platform) for _ in range(RUNS)][1:]
    finally:
        platform.push("weather", {_FILE: None})
    reached = sum(requests for _, _, _, requests in seen)
    made = LOOKUPS * len(seen)
    yield Result("look-ups that reach the vault / look-ups of a task", reached / made, f"of {made}")
    yield Result("first look-up of a task", median(first for first, _, _, _ in seen), "ms")
    yield Result("of which vault and Entra answer", median(answered for _, _, answered, _ in seen), "ms")
    added = median(first + rest - answered for first, rest, answered, _ in seen)
    yield Result(f"added to a task with {LOOKUPS} look-ups", added, "ms", Goal(150))


def _run(platform: RunningPlatform) -> tuple[float, float, float, int]:
    """Milliseconds of the first look-up, of all others, of the answers of vault and Entra; requests to the vault."""
    since = len(platform.workbench.arm(path="requests"))
    run = platform.start_run(DAG)
    assert platform.ended(DAG, run) == "success"
    path = f"/api/v2/dags/{DAG}/dagRuns/{run}/taskInstances/looks_up/xcomEntries/return_value"
    first, rest = platform.airflow.call("GET", path)["value"]
    asked: list[dict[str, Any]] = [
        each
        for each in platform.workbench.arm(path="requests")[since:]
        if str(each.get("host", "")).endswith(_ANSWERING)
        and each.get("resource", "") in ("", "https://vault.azure.net")
    ]
    given = [each for each in asked if each["status"] == 200 and each["host"].endswith(_ANSWERING[0])]
    return first, rest, sum(each["milliseconds"] for each in asked), len(given)
