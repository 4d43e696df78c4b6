"""From a call of the webhook to the revision that it announces: served by the mirror, fetched and parsed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.bench.result import Goal, Result, median
from tests.cluster.running_platform import LONG, RunningPlatform
from tests.cluster.webhook_calls import WebhookCaller

CALLS: Final = 6
"""Of which the first does not count. More are not let in within a minute."""
SLUG: Final = "mobility"
DAG: Final = f"{SLUG}.revision"
SOURCE: Final = """
from airflow.sdk import DAG

dag = DAG("{dag_id}", schedule=None, description="{number}")
"""
_FILE: Final = "dags/revision.py"
"""Not the first by its name: that is what the webhook has parsed at once, so that the processor fetches."""
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Arrival:
    """Seconds since the call."""

    served: float
    """Until the answer, which comes when the mirror serves the commit."""
    fetched: float
    """Until the DAG processor has it."""
    parsed: float
    """Until the changed file is parsed."""


def measure(platform: RunningPlatform) -> Iterator[Result]:
    caller = WebhookCaller(platform, SLUG)
    caller.issue()
    try:
        found = [one_call(platform, caller, number) for number in range(CALLS)][1:]
    finally:
        platform.push(SLUG, {_FILE: None})
    yield Result("webhook called -> answered, the mirror serves the commit", median(each.served for each in found), "s")
    yield Result("called -> fetched by the DAG processor, median", median(each.fetched for each in found), "s")
    yield Result("called -> fetched by the DAG processor, longest", max(each.fetched for each in found), "s", Goal(5.0))
    yield Result("called -> the changed file is parsed, median", median(each.parsed for each in found), "s")


def one_call(platform: RunningPlatform, caller: WebhookCaller, number: int) -> Arrival:
    """With a commit that is new, right after its push, so that polling seldom brings it before."""
    url, key = caller.secrets("url", "key")
    commit = platform.push(SLUG, {_FILE: SOURCE.format(dag_id=DAG, number=number)})
    begun = time.monotonic()
    answer = caller.by_key(url, key)
    served = time.monotonic() - begun
    assert answer["revision"] == commit
    path = f"/ariel/webhook/{SLUG}"
    fetched = until(lambda: platform.airflow.call("GET", path)["fetched"] == commit) - begun
    parsed = until(lambda: platform.dag(DAG).get("bundle_version") == commit) - begun
    return Arrival(served, fetched, parsed)


def until(arrived: Callable[[], bool]) -> float:
    """When it first did, of the monotonic clock."""
    deadline = time.monotonic() + LONG
    while (now := time.monotonic()) < deadline:
        if arrived():
            return now
        time.sleep(_LOOK_SECONDS)
    raise AssertionError(f"the revision has not arrived within {LONG:.0f} s")
