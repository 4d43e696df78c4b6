"""Tokens that live for seconds on a running platform: rotation under load, an Entra that is away, long tokens.

The sidecars begin anew once, as their tokens of a day would not be renewed within a test; PgBouncer itself goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from components.namespace import PLATFORM
from tests.cluster.load import Load
from tests.cluster.platform_clients import SIDECAR, Clients
from tests.cluster.running_platform import RunningPlatform

LIFETIME = 30
"""Seconds. Renewed at half of it."""
LONGER = 45
"""Of tokens that must still be valid when one login after the other has been tried. Seconds."""
ROTATIONS = 30
"""Of all roles on both replicas; `test_pgbouncer` has a hundred."""
LENGTHS = (1_600, 2_000, 2_100, 4_096)
"""Bytes. PgBouncer keeps 2,047 up to 1.25, and 65,531 from 1.26."""
TENANT = "ariel_dagproc_weather"
WORKING = """
from airflow.sdk import dag, task


@dag(dag_id="weather.during_rotation", schedule=None)
def during_rotation():
    @task
    def work():
        import time

        time.sleep(5)

    work()


during_rotation()
"""
FILE = "dags/during_rotation.py"


class Entra:
    """What the emulated Entra hands out, and whether it does."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._arm = platform.workbench.arm

    def hands_out(self, lifetime: float = LIFETIME, extra_bytes: int = 0) -> None:
        self._set(lifetime, extra_bytes, [])

    def is_down(self) -> None:
        away: dict[str, Any] = {"match": {"type": "Microsoft.Entra/tokens"}, "action": "fail", "status": 503}
        self._set(LIFETIME, 0, [{**away, "times": None}])

    def is_itself_again(self) -> None:
        self._arm(method="DELETE", path="faults")

    def _set(self, lifetime: float, extra_bytes: int, rules: list[dict[str, Any]]) -> None:
        tokens = {"lifetime_seconds": lifetime, "extra_bytes": extra_bytes}
        self._arm(method="PUT", path="faults", body={"tokens": tokens, "rules": rules})


@pytest.fixture(scope="module")
def clients(platform: RunningPlatform) -> Clients:
    return Clients(platform)


@pytest.fixture(scope="module")
def short_lives(platform: RunningPlatform, clients: Clients) -> Iterator[Entra]:
    """Every role's token lives for seconds; afterwards for a day again."""
    entra = Entra(platform)
    entra.hands_out()
    try:
        for replica in clients.replicas():
            # A moment later, so that the command itself does not end with the container.
            platform.run_in(PLATFORM, replica, "sh", "-c", "(sleep 1; kill 1) >/dev/null 2>&1 &", container=SIDECAR)
        platform.until(lambda: lives(clients, at_most=LIFETIME), "all tokens are short-lived")
        yield entra
    finally:
        entra.is_itself_again()
        platform.until(lambda: lives(clients, at_least=10 * LIFETIME), "all tokens live for a day again")


@pytest.fixture
def entra(platform: RunningPlatform, clients: Clients, short_lives: Entra) -> Iterator[Entra]:
    """As the fixture above leaves it, after each test too."""
    yield short_lives
    short_lives.hands_out()
    platform.until(lambda: usable(clients) and clients.serves_all(), "every login is served again")


def lives(clients: Clients, at_least: float = 0, at_most: float = float("inf")) -> bool:
    """Whether the token of every role on every replica has that many seconds left."""
    try:
        expiries = clients.said_by_all("ariel_token_expiry_timestamp_seconds")
    except OSError:  # a sidecar that begins anew
        return False
    return bool(expiries) and all(at_least < expiry - time.time() <= at_most for expiry in expiries)


def usable(clients: Clients) -> bool:
    return all(clients.said_by_all("ariel_token_usable") or [0])


def test_rotations_under_load_fail_no_query_and_no_open_transaction(
    platform: RunningPlatform, clients: Clients, entra: Entra
) -> None:
    def query() -> None:
        for login in clients.logins:
            assert clients.rows(login, "SELECT current_user::text") == [(login,)]

    def transaction() -> None:
        """Open across at least one rotation of its own role on both replicas."""
        with closing(clients.connect(TENANT)) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN; SELECT pg_backend_pid()")
            begun = cursor.fetchone()
            before = own_rotations()
            deadline = time.monotonic() + 3 * LIFETIME
            while time.monotonic() < deadline and not all(
                now > then for now, then in zip(own_rotations(), before, strict=True)
            ):
                cursor.execute("SELECT pg_sleep(1)")
            across.append(min(now - then for now, then in zip(own_rotations(), before, strict=True)))
            cursor.execute("SELECT pg_backend_pid()")
            assert cursor.fetchone() == begun
            cursor.execute("COMMIT")

    def own_rotations() -> list[float]:
        metric = f'ariel_token_rotations_total{{role="{TENANT}"}}'
        return [found[metric] for _, found in sorted(clients.metrics().items())]

    def rotations() -> float:
        return sum(clients.said_by_all("ariel_token_rotations_total"))

    across: list[float] = []
    restarts = platform.restarts()
    platform.push("weather", {FILE: WORKING})
    begun = rotations()
    try:
        with Load(query, clients=2, pause=0.3) as queries, Load(transaction, clients=1) as transactions:
            run = platform.start_run("weather.during_rotation")
            assert platform.ended("weather.during_rotation", run) == "success"
            platform.until(lambda: rotations() - begun >= ROTATIONS, f"{ROTATIONS} rotations")
            platform.until(lambda: across, "a transaction was open across a rotation")
    finally:
        platform.push("weather", {FILE: None})
    assert queries.failures == []
    assert transactions.failures == []
    assert queries.done > 10
    assert min(across) >= 1
    clients.open_anew()
    platform.until(clients.serves_all, "every role signs in with its newest token, as the first have expired")
    assert restarts.items() <= platform.restarts().items()


def test_an_entra_that_is_away_is_alarmed_before_tokens_expire_and_recovered_from(
    platform: RunningPlatform, clients: Clients, entra: Entra
) -> None:
    restarts = platform.outlasting()
    platform.until(lambda: usable(clients), "all tokens are usable")
    before = failures(clients)
    left: dict[tuple[str, str], float] = {}
    """Replica and role -> seconds that its token had left when the alarm was first seen."""
    entra.is_down()

    def alarmed() -> bool:
        for replica, found in clients.metrics().items():
            for login in clients.logins:
                rise = found[f'ariel_token_failures_total{{role="{login}"}}'] - before[replica, login]
                if rise and (replica, login) not in left:
                    expiry = found[f'ariel_token_expiry_timestamp_seconds{{role="{login}"}}']
                    left[replica, login] = expiry - time.time()
        return set(left) == set(before)

    platform.until(alarmed, "a failure of each role is counted on each replica")
    assert min(left.values()) > 0, "an alarm came when a token had expired already"
    assert max(left.values()) < LIFETIME * 0.6, "what tokens have left does not fall"
    platform.until(lambda: not any(clients.of_each_role("ariel_token_usable")), "all tokens have expired")
    for replica in clients.replicas():
        assert "AADSTS90033" in platform.logs(PLATFORM, replica, "--container", SIDECAR, "--tail=200")
    entra.hands_out()
    platform.until(lambda: usable(clients), "all tokens are renewed once Entra is back")
    platform.until(clients.serves_all, "every login is served again")
    clients.open_anew()
    platform.until(clients.serves_all, "every role signs in with a token from after the outage")
    assert restarts.items() <= platform.outlasting().items()


def failures(clients: Clients) -> dict[tuple[str, str], float]:
    """Replica and role -> failed attempts for a token."""
    return {
        (replica, login): found[f'ariel_token_failures_total{{role="{login}"}}']
        for replica, found in clients.metrics().items()
        for login in clients.logins
    }


def test_tokens_of_any_length_work_or_are_refused_before_pgbouncer_cuts_them(
    platform: RunningPlatform, clients: Clients, entra: Entra
) -> None:
    """A cut token is a wrong password: without a word, all of the platform would lose its database."""
    platform.until(lambda: usable(clients), "all tokens are usable")
    plain = clients.said_by_all("ariel_token_length_bytes")[0]
    limit = min(found["ariel_token_limit_bytes"] for found in clients.metrics().values())
    assert limit in (2_047, 65_531)
    for length in LENGTHS:
        entra.hands_out(LONGER, int(length - plain))
        if length <= limit:
            platform.until(lambda: near(clients, "length", length), f"tokens of {length} bytes are used")  # noqa: B023
            clients.open_anew()
            platform.until(clients.serves_all, f"every role signs in with a token of {length} bytes")
        else:
            metric = "refused_length"
            platform.until(lambda: near(clients, metric, length), f"tokens of {length} bytes are refused")  # noqa: B023
            assert max(clients.said_by_all("ariel_token_length_bytes")) <= limit
            clients.open_anew()
            served = {login: clients.serves(login) for login in clients.logins}
            # What ran out meanwhile says nothing.
            cut_off = [login for login, done in served.items() if not done and good_everywhere(clients, login)]
            assert not cut_off, "an old token that is valid is no longer used"
            assert any(served.values())
            entra.hands_out(LONGER)
            platform.until(lambda: near(clients, "length", plain), "tokens are short again")
    if limit < LENGTHS[-1]:
        logs = [platform.logs(PLATFORM, name, "--container", SIDECAR, "--tail=500") for name in clients.replicas()]
        assert all(f"keeps {limit:.0f}; PgBouncer 1.26 keeps 65531" in log for log in logs)


def near(clients: Clients, metric: str, length: float) -> bool:
    """Whether that length in bytes is about the same for every role on every replica."""
    found = clients.said_by_all(f"ariel_token_{metric}_bytes")
    return bool(found) and all(abs(each - length) <= 50 for each in found)


def good_everywhere(clients: Clients, login: str) -> bool:
    """Whether each replica has a token of the role that is valid for seconds to come."""
    metric = f'ariel_token_expiry_timestamp_seconds{{role="{login}"}}'
    return all(found[metric] > time.time() + 5 for found in clients.metrics().values())
