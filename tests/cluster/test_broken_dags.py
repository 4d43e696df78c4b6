"""What one team's broken files do to others: nothing (`tests/mistakes.py`, `docs/mistakes.md`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests import mistakes
from tests.cluster.running_platform import LONG, RunningPlatform

BROKEN = "weather"
OTHER = "mobility"


def shared_parts(platform: RunningPlatform) -> dict[str, tuple[str, int]]:
    """Uid and restarts of all that is not the broken team's own."""
    return {name: state for name, state in platform.restarts().items() if not name.startswith(f"parse-{BROKEN}/")}


def last_parsed(platform: RunningPlatform, dag_id: str) -> str:
    return str(platform.dag(dag_id)["last_parsed_time"])


def errors(platform: RunningPlatform) -> dict[str, str]:
    """File of the broken team, without its ending -> message."""
    return {
        name.rpartition("/")[2].removesuffix(".py"): text
        for name, text in platform.import_errors().items()
        if name.startswith(f"{BROKEN}/")
    }


def missing(platform: RunningPlatform, expected: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Files whose import error is not there, or does not say what it should."""
    seen = errors(platform)
    return {
        name: seen.get(name, "no import error")
        for name, says in expected.items()
        if not all(text in seen.get(name, "") for text in says)
    }


@pytest.fixture
def removed(platform: RunningPlatform) -> Iterator[set[str]]:
    """Paths in the broken team's repository that are gone at the end, with the trouble that they made."""
    paths: set[str] = set()
    yield paths
    platform.push(BROKEN, dict.fromkeys(paths))
    platform.until(lambda: not errors(platform), "the processor has healed")


def test_a_team_that_breaks_its_repository_in_every_way_at_once_hurts_nobody_else(
    platform: RunningPlatform, removed: set[str]
) -> None:
    before = shared_parts(platform)
    parsed = last_parsed(platform, f"{OTHER}.trips")
    broken = mistakes.files(mistakes.FILES)
    removed |= set(broken)
    platform.push(BROKEN, broken)
    expected = {name: each.says for name, each in mistakes.FILES.items() if each.says}
    try:
        platform.until(lambda: not missing(platform, expected), "the owner sees why each file is not taken", 2 * LONG)
    except AssertionError as late:
        raise AssertionError(f"{late}: {missing(platform, expected)}") from None
    arrives = f"{OTHER}.arrives"
    platform.push(OTHER, {"dags/arrives.py": mistakes.dag_file(arrives)})
    assert platform.ended(arrives, platform.start_run(arrives)) == "success"
    assert platform.ended(f"{BROKEN}.diagnostics", platform.start_run(f"{BROKEN}.diagnostics")) == "success"
    assert last_parsed(platform, f"{OTHER}.trips") > parsed
    assert platform.dag(f"{OTHER}.trips")["bundle_name"] == OTHER
    platform.push(OTHER, {"dags/arrives.py": None})
    platform.push(BROKEN, dict.fromkeys(removed))
    removed.clear()
    platform.until(lambda: not errors(platform), "the processor has healed")
    heals = f"{BROKEN}.heals"
    removed |= {"dags/heals.py"}
    platform.push(BROKEN, {"dags/heals.py": mistakes.dag_file(heals)})
    assert platform.ended(heals, platform.start_run(heals)) == "success"
    assert shared_parts(platform) == before


def test_files_that_end_the_processor_end_their_own_teams_only(platform: RunningPlatform, removed: set[str]) -> None:
    processor = f"parse-{BROKEN}/dag-processor-"
    own = {name: state for name, state in platform.restarts().items() if name.startswith(processor)}
    before = shared_parts(platform)
    fatal = mistakes.files(mistakes.FATAL)
    removed |= set(fatal)
    platform.push(BROKEN, fatal)
    platform.until(lambda: not own.items() <= platform.restarts().items(), "the offender's own processor restarts")
    refused = f'DAG id \\"{OTHER}.trips\\" is reserved for bundle'
    ended = (f"parse-{BROKEN}", "deploy/dag-processor", "--previous")
    platform.until(lambda: refused in platform.logs(*ended), "the database has refused the theft")
    assert platform.sql("SELECT DISTINCT bundle_name FROM dag WHERE dag_id = 'mobility.trips'") == [[OTHER]]
    parsed = last_parsed(platform, f"{OTHER}.trips")
    platform.until(lambda: last_parsed(platform, f"{OTHER}.trips") > parsed, "the other team's file is parsed again")
    platform.push(BROKEN, dict.fromkeys(removed))
    removed.clear()
    recovers = f"{BROKEN}.recovers"
    removed |= {"dags/recovers.py"}
    platform.push(BROKEN, {"dags/recovers.py": mistakes.dag_file(recovers)})
    assert platform.ended(recovers, platform.start_run(recovers)) == "success"
    assert shared_parts(platform) == before
