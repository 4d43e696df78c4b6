"""What PgBouncer costs and withstands: throughput beside a direct connection, a storm of clients, a crash behind it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg2

from components import pgbouncer
from components.airflow_values import METADATA_SECRET
from components.namespace import PLATFORM
from components.network_policy import PGBOUNCER_PORT
from sandbox.cluster.folder import ClusterFolder
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from tests.bench.processes import by_pod
from tests.bench.result import Goal, Result, median
from tests.cluster.pgbouncer_bed import postgresql
from tests.cluster.running_platform import RunningPlatform

CLIENTS: Final = 20
ROUNDS: Final = 3
ROUND_SECONDS: Final = 8
STORM_CLIENTS: Final = 1000
OUTAGE_SECONDS: Final = 3.0
OBSERVERS: Final = 4
"""Clients that look for the end of the outage; they begin one after the other, so that it is seen early."""
PAUSE_SECONDS: Final = 0.1

GOALS: Final = {"simple": Goal(0.75, at_least=True), "prepared": Goal(0.65, at_least=True)}
_ROWS: Final = 100_000
_SCHEMA: Final = f"""
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE TABLE bench.accounts (id int PRIMARY KEY, balance int NOT NULL, filler char(84) NOT NULL);
INSERT INTO bench.accounts SELECT id, 0, '' FROM generate_series(1, {_ROWS}) id;
VACUUM ANALYZE bench.accounts;
GRANT USAGE ON SCHEMA bench TO {pgbouncer.RUNTIME_ROLE};
GRANT SELECT ON bench.accounts TO {pgbouncer.RUNTIME_ROLE};
"""  # noqa: S608 - of constants
_SELECT: Final = f"\\set id random(1, {_ROWS})\nSELECT balance FROM bench.accounts WHERE id = :id;\n"
_ONE: Final = "SELECT 1;\n"


@dataclass(frozen=True)
class Route:
    """A way to the database: the environment that libpq reads; it holds a password, which no command line may."""

    environment: dict[str, str]
    inside: int
    """Process in whose network pgbench runs: the scheduler's, as both ways begin in a pod."""

    def pgbench(self, script: str, *options: str) -> str:
        """What pgbench prints. Raises RuntimeError with what it complains of."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            network = ("nsenter", f"--net=/proc/{self.inside}/ns/net", "--")
            command = [*network, str(postgresql() / "pgbench"), "--no-vacuum", f"--file={file.name}", *options]
            environment = {"PATH": os.environ["PATH"], **self.environment}
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if ended.returncode:
                raise RuntimeError(ended.stderr.strip())
            return ended.stdout

    def answers(self) -> bool:
        """Whether a new connection is made and a query answered."""
        parameters = {name.removeprefix("PG").lower(): value for name, value in self.environment.items()}
        try:
            with closing(psycopg2.connect(connect_timeout=5, **parameters)) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(_ONE)
                return True
        except psycopg2.OperationalError:
            return False


def measure(platform: RunningPlatform) -> Iterator[Result]:
    pooled, direct = through_pgbouncer(platform), to_the_server(platform)
    with accounts(platform):
        for protocol, goal in GOALS.items():
            pairs = [(throughput(direct, protocol), throughput(pooled, protocol)) for _ in range(ROUNDS)]
            yield Result(f"direct, {protocol}", median(each for each, _ in pairs), "transactions/s")
            yield Result(f"pooled, {protocol}", median(each for _, each in pairs), "transactions/s")
            ratio = median(through / straight for straight, through in pairs)
            yield Result(f"pooled / direct, {protocol}", ratio, "", goal)
    yield storm(pooled)
    yield from crash(platform, pooled, direct)


def throughput(route: Route, protocol: str) -> float:
    """Transactions per second of several clients that read one row each, by its key."""
    options = (f"--client={CLIENTS}", "--jobs=1", f"--time={ROUND_SECONDS}", f"--protocol={protocol}")
    return transactions_per_second(route.pgbench(_SELECT, *options))


def storm(pooled: Route) -> Result:
    """Until every one of many clients that come at once is signed in."""
    printed = pooled.pgbench(_ONE, f"--client={STORM_CLIENTS}", "--jobs=2", "--transactions=1")
    return Result(f"{STORM_CLIENTS} clients connect", connect_seconds(printed), "s", Goal(1.0))


def crash(platform: RunningPlatform, pooled: Route, direct: Route) -> Iterator[Result]:
    """How much longer than the server itself those behind PgBouncer get no answer."""
    with observed(direct, 1) as straight, observed(pooled, OBSERVERS) as through:
        time.sleep(2)
        platform.databases.kill(platform.database, OUTAGE_SECONDS)
        killed = time.monotonic()
        platform.until(
            lambda: min(max(each, default=0.0) for each in (straight, through)) > killed, "the database answers again"
        )
        time.sleep(2)
    outage, gap = longest_silence(straight), longest_silence(through)
    yield Result("crash: the server gives no answer", outage, "s")
    yield Result("crash: beyond that, through PgBouncer", gap - outage, "s", Goal(1.0))


def transactions_per_second(printed: str) -> float:
    """From pgbench's report, the time to connect left out."""
    found = re.search(r"^tps = ([\d.]+)", printed, re.MULTILINE)
    assert found, printed
    return float(found[1])


def connect_seconds(printed: str) -> float:
    """From pgbench's report: until the last client is connected."""
    found = re.search(r"^initial connection time = ([\d.]+) ms", printed, re.MULTILINE)
    assert found, printed
    return float(found[1]) / 1000


def longest_silence(answers: Iterable[float]) -> float:
    """The longest time between two answers that follow each other; needs two."""
    return max(after - before for before, after in itertools.pairwise(sorted(answers)))


@contextmanager
def observed(route: Route, clients: int) -> Iterator[Sequence[float]]:
    """The times of answers, to one new connection after the other of each client; grows until the block's end."""
    answers: list[float] = []
    ended = threading.Event()

    def ask(number: int) -> None:
        ended.wait(number * PAUSE_SECONDS / clients)
        while not ended.is_set():
            if route.answers():
                answers.append(time.monotonic())
            ended.wait(PAUSE_SECONDS)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextmanager
def accounts(platform: RunningPlatform) -> Iterator[None]:
    """A table to read from, in a schema of its own; gone behind the block."""
    platform.sql(_SCHEMA)
    try:
        yield
    finally:
        platform.sql("DROP SCHEMA bench CASCADE")


def through_pgbouncer(platform: RunningPlatform) -> Route:
    """As schedulers and API servers connect: the Service of the cluster, the machine password."""
    (service,) = platform.get("services", PLATFORM, f"app.kubernetes.io/name={pgbouncer.NAME}")
    url = secret(platform, METADATA_SECRET)["connection"]
    return Route(
        {
            "PGHOST": service["spec"]["clusterIP"],
            "PGPORT": str(PGBOUNCER_PORT),
            "PGUSER": pgbouncer.RUNTIME_ROLE,
            "PGDATABASE": pgbouncer.RUNTIME_ROLE,
            "PGPASSWORD": unquote(urlsplit(url).password or ""),
        },
        scheduler(platform),
    )


def to_the_server(platform: RunningPlatform) -> Route:
    """As PgBouncer itself connects: the same role with a token, and TLS that is verified in full."""
    described = platform.databases.server(platform.database).description()
    assert described is not None
    role = json.loads(secret(platform, f"{pgbouncer.NAME}-runtime")["role.json"])[pgbouncer.RUNTIME_ROLE]
    root = platform.session.sandbox.paths.root
    token = TokenAuthority(root / "entra").issue(
        tenant_id=str(platform.session.settings.azure.tenant_id),
        object_id=role["objectId"],
        client_id=role["clientId"],
        audience=POSTGRESQL_AUDIENCE,
        lifetime=timedelta(hours=1),
    )
    return Route(
        {
            "PGHOST": described.host,
            "PGHOSTADDR": described.address,
            "PGUSER": pgbouncer.RUNTIME_ROLE,
            "PGDATABASE": "airflow",
            "PGPASSWORD": token,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(ClusterFolder(root / "cluster").authority),
        },
        scheduler(platform),
    )


def scheduler(platform: RunningPlatform) -> int:
    """A process of its pod."""
    pod, *_ = platform.staying_pods(PLATFORM, "component=scheduler")
    return by_pod()[pod["metadata"]["uid"]][0]


def secret(platform: RunningPlatform, name: str) -> dict[str, str]:
    """Key -> value of a Secret of the platform's namespace."""
    found = json.loads(platform.kubectl("get", "secret", name, "--namespace", PLATFORM, "--output", "json"))
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
