"""A running platform whose database crashes, freezes and restarts, and whose PgBouncer is replaced under load."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import pytest
import sqlalchemy

from components.namespace import PLATFORM
from components.pgbouncer import NAME, RUNTIME_ROLE
from sandbox.postgres.server import CommandFailedError
from tests.cluster.load import Load
from tests.cluster.platform_clients import Clients
from tests.cluster.running_platform import LONG, RunningPlatform

CLIENTS = 30
"""More than the pools of either role have connections."""
CRASH_SECONDS = 3.0
FREEZE_SECONDS = 60.0
MEMORY = 64 * 2**20
"""Bytes that a PgBouncer of this size may ever have resident; its pod may use twice as much."""
TENANT = "ariel_dagproc_weather"
API_VERSION = "2025-08-01"
WORKING = """
from airflow.sdk import dag, task


@dag(dag_id="weather.around_an_outage", schedule=None)
def around_an_outage():
    @task
    def work(): ...

    work()


around_an_outage()
"""
DAG = "weather.around_an_outage"
FILE = "dags/around_an_outage.py"


@pytest.fixture(scope="module")
def clients(platform: RunningPlatform) -> Clients:
    return Clients(platform)


@pytest.fixture(scope="module", autouse=True)
def runs_before_and_after(platform: RunningPlatform) -> Iterator[None]:
    """All outages lie between two runs that succeed, and nothing that should outlast them began anew."""
    before = others(platform)
    platform.push("weather", {FILE: WORKING})
    try:
        assert platform.ended(DAG, platform.start_run(DAG)) == "success"
        yield
        assert platform.ended(DAG, platform.start_run(DAG)) == "success"
    finally:
        platform.push("weather", {FILE: None})
    assert others(platform) == before


def others(platform: RunningPlatform) -> dict[str, tuple[str, int]]:
    """Restarts of all that outlasts an outage, but for PgBouncer, which one test replaces."""
    return {pod: seen for pod, seen in platform.outlasting().items() if not pod.startswith(f"{PLATFORM}/{NAME}-")}


class Watch:
    """Samples how many connections the server has of each role while it answers; keeps the most."""

    def __init__(self, clients: Clients) -> None:
        self.most: dict[str, int] = {}
        self._clients = clients
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(0.5):
            try:
                counted = self._clients.server_connections()
            except (CommandFailedError, subprocess.TimeoutExpired):
                continue  # it is down, or frozen
            self.most = {role: max(self.most.get(role, 0), count) for role, count in {**self.most, **counted}.items()}


@contextmanager
def all_served(platform: RunningPlatform, clients: Clients) -> Iterator[Load]:
    """Clients that try again while something happens in the block; afterwards each of them is served again."""

    def work() -> None:
        clients.rows(RUNTIME_ROLE, "SELECT count(*) FROM dag")
        clients.rows(TENANT, "SELECT count(*) FROM dag")

    with Watch(clients) as watch, Load(work, CLIENTS, pause=1.0) as load:
        platform.until(lambda: min(load.each_done()) >= 1, "each client is served before")
        yield load
        after = load.each_done()
        platform.until(
            lambda: all(now > then + 1 for now, then in zip(load.each_done(), after, strict=True)),
            "each client is served again",
        )
    assert {RUNTIME_ROLE, TENANT} <= set(watch.most)
    assert {role: count for role, count in watch.most.items() if count > clients.pools()[role]} == {}
    assert max(memory(platform, clients)) < MEMORY
    platform.until(lambda: ready(platform), "all of the platform is ready")


def memory(platform: RunningPlatform, clients: Clients) -> list[int]:
    """The most bytes that each PgBouncer ever had resident."""
    reports = [platform.run_in(PLATFORM, name, "cat", "/proc/1/status", container=NAME) for name in clients.replicas()]
    return [
        int(line.split()[1]) * 1024 for report in reports for line in report.splitlines() if line.startswith("VmHWM")
    ]


def ready(platform: RunningPlatform) -> bool:
    """Every container of what runs for ever."""
    pods = [pod for pod in platform.get("pods") if pod["spec"].get("restartPolicy") == "Always"]
    return all(status["ready"] for pod in pods for status in pod["status"].get("containerStatuses", []))


def test_a_server_that_crashes_is_back_for_every_client_that_tries_again(
    platform: RunningPlatform, clients: Clients
) -> None:
    with all_served(platform, clients) as load:
        platform.databases.kill(platform.database, CRASH_SECONDS)
        platform.until(lambda: load.failures, "somebody notices that the server is down")


def test_a_server_that_freezes_is_back_for_every_client_that_tries_again(
    platform: RunningPlatform, clients: Clients
) -> None:
    with all_served(platform, clients) as load:
        platform.databases.pause(platform.database)
        try:
            time.sleep(FREEZE_SECONDS)
        finally:
            platform.databases.resume(platform.database)
        assert load.failures, "clients hang, instead of being told after query_wait_timeout"


def test_a_platform_whose_server_restarts_through_arm_recovers_by_itself(
    platform: RunningPlatform, clients: Clients
) -> None:
    """As maintenance does it. The shipped stack has no standby, so there is nothing to fail over to."""
    begun = platform.sql("SELECT pg_postmaster_start_time()")
    server = next(found for found in platform.workbench.arm_ids() if found.endswith(f"/{platform.database}"))
    with all_served(platform, clients):
        platform.workbench.azure("POST", f"{server}/restart", params={"api-version": API_VERSION}, body={})
        platform.until(lambda: restarted(platform, begun), "the server has restarted")


def restarted(platform: RunningPlatform, begun: list[list[str]]) -> bool:
    try:
        return platform.sql("SELECT pg_postmaster_start_time()") != begun
    except CommandFailedError:
        return False


def test_a_rolling_restart_of_pgbouncer_fails_no_query(platform: RunningPlatform, clients: Clients) -> None:
    before = set(clients.replicas())
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: clients.connect(RUNTIME_ROLE, autocommit=False),
        pool_pre_ping=True,
        pool_size=8,
        max_overflow=0,
    )

    def transaction() -> None:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
            connection.execute(sqlalchemy.text("SELECT pg_sleep(0.2)"))

    with Load(transaction, clients=4, pause=0.3) as load:
        platform.kubectl("rollout", "restart", f"deployment/{NAME}", "--namespace", PLATFORM)
        platform.kubectl("rollout", "status", f"deployment/{NAME}", "--namespace", PLATFORM, f"--timeout={LONG:.0f}s")
        platform.until(lambda: not before & set(clients.replicas()), "the old replicas have left")
    engine.dispose()
    assert load.failures == []
    assert load.done > 20
    assert len(clients.replicas()) == len(before)
    platform.until(lambda: ready(platform), "all of the platform is ready")
