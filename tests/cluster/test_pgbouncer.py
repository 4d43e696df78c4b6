"""PgBouncer and its sidecar as they run: who gets in, and what a client notices of rotation, faults and restarts."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy

from tests.cluster.load import Load
from tests.cluster.pgbouncer_bed import (
    SHARED_POOL,
    SHARED_ROLE,
    Bed,
    Replica,
    pgbouncer_program,
    postgresql,
    wait_until,
)

TENANT = "ariel_dagproc_weather"
ROTATIONS = 100
STORM_CLIENTS = 1_000
MANY_CLIENTS = 3_000


@pytest.fixture(scope="session")
def program() -> Iterator[Path]:
    """PgBouncer, where its user can read it."""
    with tempfile.TemporaryDirectory(prefix="pgb") as folder:
        yield pgbouncer_program(Path(folder))


@pytest.fixture
def bed(program: Path) -> Iterator[Bed]:
    """With two tenants in the registry, and nothing started. In a short folder: a socket's path has 107 characters."""
    with tempfile.TemporaryDirectory(prefix="pgb") as folder:
        running = Bed(Path(folder), program)
        running.add_tenant("weather")
        running.add_tenant("mobility")
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def replica(bed: Bed) -> Replica:
    """One that serves all roles."""
    return started(bed)


def started(bed: Bed, max_client_conn: int = 1_500) -> Replica:
    replica = bed.replica(max_client_conn)
    replica.start()
    for login in bed.passwords:
        wait_until(lambda login=login: replica.serves(login), f"{login} is served")  # type: ignore[misc]
    return replica


def refused(connect: Callable[[], object]) -> str:
    """Why a connection was refused."""
    with pytest.raises(psycopg2.OperationalError) as refusal:
        connect()
    return str(refusal.value)


def test_each_login_opens_its_own_alias_and_no_other(bed: Bed, replica: Replica) -> None:
    opened = set()
    for login in bed.passwords:
        for alias in bed.passwords:
            try:
                replica.connect(login, alias=alias).close()
                opened.add((login, alias))
            except psycopg2.OperationalError:
                continue
    assert opened == {(login, login) for login in bed.passwords}
    assert len(opened) == 5


def test_a_role_is_forced_by_the_alias_and_cannot_be_left(replica: Replica) -> None:
    assert replica.query(TENANT, "SELECT session_user") == TENANT
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        replica.query(TENANT, f"SET ROLE {SHARED_ROLE}")


def test_a_token_is_no_password_at_pgbouncer(bed: Bed, replica: Replica) -> None:
    assert "SASL authentication failed" in refused(lambda: replica.connect(TENANT, password=bed.issuer.newest[TENANT]))


def test_nobody_reaches_the_console_over_the_network(bed: Bed, replica: Replica) -> None:
    for login in (*bed.passwords, "pgbouncer"):
        password = bed.passwords.get(login, "pgbouncer")
        assert refused(lambda: replica.connect(login, alias="pgbouncer", password=password))  # noqa: B023


def test_another_user_of_the_machine_does_not_reach_the_console(replica: Replica) -> None:
    for user in ("pgbouncer", SHARED_ROLE):
        place = {"host": str(replica.shared), "port": replica.port, "dbname": "pgbouncer"}
        assert refused(lambda: psycopg2.connect(**place, user=user))  # noqa: B023


def test_nobody_else_can_read_tokens_and_verifiers(replica: Replica) -> None:
    files = [file for file in replica.shared.iterdir() if file.is_file()]
    assert {file.name for file in files} == {"pgbouncer.ini", "hba.conf", "userlist.txt", "refresher.json"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_logins_are_checked_with_one_scram_iteration_so_that_a_storm_is_short(replica: Replica) -> None:
    entries = (replica.shared / "userlist.txt").read_text().splitlines()
    assert len(entries) == 5
    assert all('"SCRAM-SHA-256$1:' in entry for entry in entries)


def test_a_hundred_rotations_cut_no_query_and_no_open_transaction(bed: Bed) -> None:
    # Each role's tokens change within a second; the first have expired long before the end.
    bed.issuer.lifetime, bed.issuer.refresh_in = 10, 1
    replica = started(bed)

    def query() -> None:
        assert replica.query(SHARED_ROLE) == SHARED_ROLE

    def transaction() -> None:
        """Open across at least one rotation of its own role."""
        with closing(replica.connect(TENANT)) as connection, connection.cursor() as cursor:
            cursor.execute("BEGIN; SELECT pg_backend_pid()")
            begun = cursor.fetchone()
            rotations, deadline = replica.metrics()[own], time.monotonic() + 15
            while replica.metrics()[own] == rotations and time.monotonic() < deadline:
                cursor.execute("SELECT pg_sleep(0.1)")
            across.append(replica.metrics()[own] - rotations)
            cursor.execute("SELECT pg_backend_pid()")
            assert cursor.fetchone() == begun
            cursor.execute("COMMIT")

    across: list[float] = []
    own = f'ariel_token_rotations_total{{role="{TENANT}"}}'
    before = rotations(replica)
    expired = time.monotonic() + bed.issuer.lifetime
    with Load(query, clients=4) as queries, Load(transaction, clients=1) as transactions:
        wait_until(lambda: rotations(replica) - before >= ROTATIONS, f"{ROTATIONS} rotations", seconds=300)
        wait_until(lambda: time.monotonic() > expired, "the first tokens have expired")
    assert queries.failures == []
    assert transactions.failures == []
    assert queries.done > ROTATIONS
    assert min(across) >= 1


def rotations(replica: Replica) -> float:
    return sum(value for name, value in replica.metrics().items() if name.startswith("ariel_token_rotations_total"))


def test_a_token_that_pgbouncer_would_cut_is_refused_before_it_is_written(bed: Bed) -> None:
    bed.issuer.lifetime = 4
    bed.issuer.length = 2_047
    replica = started(bed)
    limit = int(replica.metrics()["ariel_token_limit_bytes"])
    bed.issuer.length = limit + 1
    refused_length = f'ariel_token_refused_length_bytes{{role="{SHARED_ROLE}"}}'
    wait_until(lambda: replica.metrics().get(refused_length) == limit + 1, "the token is refused")
    assert bed.issuer.newest[SHARED_ROLE] not in replica.files()
    assert f"{limit + 1} bytes" in replica.log("sidecar")
    bed.issuer.length = limit
    wait_until(lambda: replica.serves(SHARED_ROLE), "the longest token that fits is used")


def test_an_endpoint_that_is_down_is_alarmed_before_expiry_and_recovered_from(bed: Bed) -> None:
    bed.issuer.lifetime = 8
    replica = started(bed)
    bed.issuer.down = True
    failures, usable, expiry = (
        f'ariel_token_{name}{{role="{SHARED_ROLE}"}}'
        for name in ("failures_total", "usable", "expiry_timestamp_seconds")
    )
    wait_until(lambda: replica.metrics()[failures] >= 1, "a failure is counted")
    assert replica.metrics()[expiry] > time.time()
    assert replica.ready()
    wait_until(lambda: not replica.ready(), "the replica is not ready once its token has expired")
    assert replica.metrics()[usable] == 0
    assert "AADSTS90033" in replica.log("sidecar")
    bed.issuer.down = False
    wait_until(replica.ready, "the replica is ready again", seconds=70)
    assert replica.serves(SHARED_ROLE)


def test_a_sidecar_that_restarts_while_all_else_is_away_takes_no_alias_away(bed: Bed, replica: Replica) -> None:
    bed.issuer.down = True
    bed.kubernetes.close()
    replica.stop_sidecar()
    with closing(replica.connect(TENANT)) as connection, connection.cursor() as cursor:
        before = replica.log("bouncer").count("RELOAD command")
        replica.start_sidecar()
        wait_until(lambda: "next attempt" in replica.log("sidecar"), "the new sidecar has tried")
        wait_until(lambda: replica.log("bouncer").count("RELOAD command") > before, "it has reloaded PgBouncer")
        cursor.execute("SELECT 1")
    assert all(replica.serves(login) for login in bed.passwords)


def test_a_new_tenant_is_served_within_seconds_and_a_removed_one_leaves_nothing(bed: Bed, replica: Replica) -> None:
    assert replica.bouncer is not None
    process, login = replica.bouncer.pid, "ariel_dagproc_harbour"
    bed.kubernetes.send("ADDED", bed.add_tenant("harbour"))
    wait_until(lambda: replica.serves(login), "the new tenant is served", seconds=10)
    old = bed.kubernetes.items["weather"]
    with closing(replica.connect(TENANT)) as connection, connection.cursor() as cursor:
        bed.kubernetes.send("DELETED", old)
        wait_until(lambda: "weather" not in replica.files(), "its tokens and verifiers are gone", seconds=10)
        wait_until(lambda: not replica.serves(TENANT), "its login is gone", seconds=10)
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("SELECT 1")
    assert replica.serves(login)
    assert replica.serves(SHARED_ROLE)
    assert (replica.bouncer.pid, replica.bouncer.poll()) == (process, None)
    assert bed.issuer.newest[login] in replica.files()


def test_a_configuration_that_cannot_be_written_leaves_the_old_one_at_work(bed: Bed, replica: Replica) -> None:
    before = (replica.shared / "pgbouncer.ini").read_text()
    blocked = replica.shared / ".hba.conf.new"
    blocked.mkdir()
    bed.kubernetes.send("ADDED", bed.add_tenant("harbour"))
    refusals = "ariel_pgbouncer_refusals_total"
    wait_until(lambda: replica.metrics()[refusals] >= 1, "the failure is counted")
    assert (replica.shared / "pgbouncer.ini").read_text() == before
    assert all(replica.serves(login) for login in bed.passwords if "harbour" not in login)
    blocked.rmdir()
    wait_until(lambda: replica.serves("ariel_dagproc_harbour"), "it is tried again")


def test_a_rolling_restart_of_two_replicas_fails_no_query(bed: Bed) -> None:
    replicas = [started(bed), started(bed)]

    def connect() -> object:
        """As through a Service: to a replica that takes connections."""
        for replica in sorted(replicas, key=lambda _: os.urandom(1)):
            try:
                return replica.connect(SHARED_ROLE, autocommit=False)
            except psycopg2.OperationalError as error:
                if "refused" not in str(error):
                    raise
        raise AssertionError("no replica takes connections")

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://", creator=connect, pool_pre_ping=True, pool_size=8, max_overflow=0
    )

    def transaction() -> None:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
            connection.execute(sqlalchemy.text("SELECT pg_sleep(0.2)"))
        time.sleep(0.1)

    with Load(transaction, clients=4) as load:
        idle = [engine.connect() for _ in range(2)]
        for connection in idle:
            connection.close()
        wait_until(lambda: all(load.each_done()), "every client is at work")
        for leaving in replicas:
            leaving.leave()
            wait_until(leaving.ended, "the replica has ended", seconds=70)
            leaving.start_bouncer()
            before = load.each_done()
            wait_until(lambda: _all_went_on(load, before), "every client goes on", seconds=70)  # noqa: B023
    engine.dispose()
    assert load.failures == []


def _all_went_on(load: Load, before: list[int]) -> bool:
    return all(now > then for now, then in zip(load.each_done(), before, strict=True))


def test_a_storm_of_clients_is_served_whole(
    bed: Bed, replica: Replica, record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds", storm(bed, replica))


def test_three_thousand_clients_at_one_replica_are_served_over_the_pools_connections(bed: Bed) -> None:
    """One connection of the server above the pools, and a platform at its limit locks its administrators out."""
    replica = started(bed, max_client_conn=MANY_CLIENTS + 100)
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        counted = "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'"
        while not ended.wait(0.2):
            most = max(most, bed.server.admin(counted.format(SHARED_ROLE))[0][0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        storm(bed, replica, MANY_CLIENTS)
    finally:
        ended.set()
        watcher.join()
    assert 1 <= most <= SHARED_POOL
    assert replica.bouncer_memory() < 128 * 2**20


def storm(bed: Bed, replica: Replica, clients: int = STORM_CLIENTS) -> float:
    """Seconds in which all clients of the shared role have connected and been answered once."""
    script = bed.folder / "one.sql"
    script.write_text("SELECT 1;\n")
    command = [str(postgresql() / "pgbench"), "-n", "-c", str(clients), "-j", "2", "-t", "1", "-f", str(script)]
    address = ["-h", "127.0.0.1", "-p", str(replica.port), "-U", SHARED_ROLE, SHARED_ROLE]
    begun = time.monotonic()
    environment = {"PGPASSWORD": bed.passwords[SHARED_ROLE], "PATH": os.environ["PATH"]}
    run = subprocess.run([*command, *address], env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begun
    assert run.returncode == 0, run.stderr
    assert f"processed: {clients}/{clients}" in run.stdout
    print(f"{clients} clients: {seconds:.2f} s in all\n{run.stdout}")
    return seconds
