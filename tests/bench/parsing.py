"""What a tenant's broken DAG files cost another tenant: the time between two parses of its files."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from tests.bench.result import Goal, Result, median
from tests.cluster.running_platform import RunningPlatform

NOISY, QUIET = "weather", "mobility"
SECONDS: Final = 150
"""Of watching; a file is parsed every half minute at most."""

MISTAKES: Final[Mapping[str, str]] = {
    "dags/bench_loop.py": "while True:\n    pass\n\nfrom airflow.sdk import dag\n",
    "dags/bench_memory.py": "held = bytearray(2 * 2**30)\nheld[:] = bytes(len(held))\n\nfrom airflow.sdk import dag\n",
}
"""The import, although never reached, is what makes Airflow take the files for DAG files."""


def measure(platform: RunningPlatform) -> Iterator[Result]:
    alone = median(intervals(watch(platform)))
    platform.push(NOISY, MISTAKES)
    try:
        platform.until(
            lambda: any(file.startswith(f"{NOISY}/bench_") for file in platform.import_errors()),
            "the mistakes are parsed",
        )
        noisy = median(intervals(watch(platform)))
    finally:
        platform.push(NOISY, dict.fromkeys(MISTAKES))
    yield Result("between two parses, alone", alone, "s")
    yield Result("between two parses, with a noisy neighbour", noisy, "s")
    yield Result("noisy / alone", noisy / alone, "", Goal(1.1))


def watch(platform: RunningPlatform) -> list[tuple[str, str]]:
    """(DAG, when it was parsed) of the quiet tenant, as often as the API was asked."""
    query = {"dag_id_prefix_pattern": f"{QUIET}."}
    seen = []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        dags = platform.airflow.call("GET", "/api/v2/dags", query=query)["dags"]
        seen += [(each["dag_id"], each["last_parsed_time"]) for each in dags if each["last_parsed_time"]]
        time.sleep(2)
    return seen


def intervals(seen: Iterable[tuple[str, str]]) -> list[float]:
    """Seconds between two parses that follow each other, of every DAG."""
    parses = defaultdict(set)
    for dag, parsed in seen:
        parses[dag].add(datetime.fromisoformat(parsed).timestamp())
    return [after - before for times in parses.values() for before, after in itertools.pairwise(sorted(times))]
