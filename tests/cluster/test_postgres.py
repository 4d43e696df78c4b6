"""A Flexible Server of the emulated ARM takes real connections of those whose token opens the role, and no others."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.arm.tenant import TENANT_ID
from sandbox.entra.tokens import STORAGE_AUDIENCE, TokenAuthority
from sandbox.names import HostNames
from sandbox.postgres.server import START_SECONDS
from tests.cluster.flexible_server import ADMIN, ADMIN_ID, GROUP, NAME, SERVER, Sandbox, running, server_body

ROLE, ROLE_ID = "ariel_dagproc_weather", str(uuid.uuid4())


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One server with an administrator and a role that the administrator made."""
    with running(tmp_path_factory.mktemp("sandbox")) as made:
        try:
            made.cloud.made(GROUP, {"location": "westeurope"})
            made.cloud.made(SERVER, server_body(highAvailability={"mode": "SameZone", "standbyAvailabilityZone": "2"}))
            administrator = {"principalName": ADMIN, "principalType": "ServicePrincipal"}
            made.cloud.made(f"{SERVER}/administrators/{ADMIN_ID}", {"properties": administrator})
            made.answer(create(ROLE, ROLE_ID))
            yield made
        finally:
            made.servers.stop_all()


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of its own, for what ends servers."""
    with running(tmp_path) as made:
        try:
            made.cloud.made(GROUP, {"location": "westeurope"})
            made.cloud.made(SERVER, server_body())
            yield made
        finally:
            made.servers.stop_all()


def create(role: str, object_id: str) -> str:
    return f"SELECT pgaadauth_create_principal_with_oid('{role}', '{object_id}', 'service', false, false)"


def parameter(name: str) -> str:
    return f"{SERVER}/configurations/{name}"


def pids(sandbox: Sandbox) -> set[int]:
    return set(sandbox.servers.server(NAME).processes())


def eventually(true: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# Sign-in


def test_a_role_is_opened_by_a_token_of_its_principal(sandbox: Sandbox) -> None:
    assert sandbox.answer("SELECT current_user", role=ROLE, token=sandbox.token(ROLE_ID)) == ROLE


def test_a_role_name_with_special_characters_signs_in(sandbox: Sandbox) -> None:
    assert sandbox.answer("SELECT current_user") == ADMIN


@pytest.mark.parametrize("extra_bytes", [800, 1300, 4000, 16000, 60000])
def test_a_token_of_any_length_signs_in(sandbox: Sandbox, extra_bytes: int) -> None:
    token = sandbox.token(ROLE_ID, extra_bytes=extra_bytes)
    assert sandbox.answer("SELECT current_user", role=ROLE, token=token) == ROLE


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (lambda s: {"role": ADMIN, "token": s.token(ROLE_ID)}, "the role is bound to another principal than"),
        (lambda s: {"role": ROLE, "token": s.token(ADMIN_ID)}, "the role is bound to another principal than"),
        (lambda s: {"role": "azure_pg_admin"}, "the role is bound to no principal"),
        (lambda s: {"role": "nobody"}, "the role is bound to no principal"),
        (lambda s: {"token": s.token(lifetime=timedelta(seconds=-1))}, "Signature has expired"),
        (lambda s: {"token": s.token(audience=STORAGE_AUDIENCE)}, "Audience doesn't match"),
        (lambda s: {"token": "garbage"}, "Not enough segments"),
        (lambda s: {"token": s.token()[:-8] + "AAAAAAAA"}, "Signature verification failed"),
        (lambda s: {"token": forged(s)}, "Signature verification failed"),
    ],
    ids=[
        "another's token for the administrator",
        "the administrator's token for another role",
        "a role without login",
        "no such role",
        "expired",
        "for storage",
        "no token",
        "changed signature",
        "signed by another key",
    ],
)
def test_a_token_that_does_not_fit_opens_nothing(
    sandbox: Sandbox, refused: Callable[[Sandbox], dict[str, Any]], reason: str
) -> None:
    log = sandbox.servers.server(NAME).process.log
    before = len(log.read_text())
    done = sandbox.connect(**refused(sandbox))
    assert (done.returncode, done.stdout) == (2, "")
    assert "LDAP authentication failed" in done.stderr
    assert reason in log.read_text()[before:]


def forged(sandbox: Sandbox) -> str:
    another = TokenAuthority(sandbox.root / "another")
    given = {"tenant_id": TENANT_ID, "object_id": ADMIN_ID, "client_id": ADMIN_ID}
    return another.issue(audience="https://ossrdbms-aad.database.windows.net", lifetime=timedelta(hours=1), **given)


def test_no_token_reaches_the_server_without_tls(sandbox: Sandbox) -> None:
    done = sandbox.connect(mode="disable")
    assert done.returncode == 2
    assert "no encryption" in done.stderr


def test_the_superuser_does_not_sign_in_from_the_network(sandbox: Sandbox) -> None:
    done = sandbox.connect(role="azuresu")
    assert done.returncode == 2
    assert "pg_hba.conf rejects connection" in done.stderr


def test_a_session_outlives_its_token(sandbox: Sandbox) -> None:
    token = sandbox.token(lifetime=timedelta(seconds=6))
    assert sandbox.answer("SELECT pg_sleep(7); SELECT 'still here'", token=token) == "still here"
    assert sandbox.connect(token=token).returncode == 2


def test_the_name_leads_to_the_server(sandbox: Sandbox) -> None:
    shown = sandbox.cloud.get(SERVER).json()["properties"]
    described = sandbox.servers.server(NAME).description()
    assert described is not None
    assert HostNames(sandbox.root).names()[shown["fullyQualifiedDomainName"]] == described.address


# What an administrator may


def test_an_administrator_rules_the_roles_that_it_made(sandbox: Sandbox) -> None:
    role = "made_and_dropped"
    sandbox.answer(create(role, str(uuid.uuid4())))
    script = f"ALTER ROLE {role} CONNECTION LIMIT 3; CREATE DATABASE theirs OWNER {role}; DROP DATABASE theirs"
    sandbox.answer(script.replace("; ", ";\n"))
    sandbox.answer(f"DROP ROLE {role}")
    assert role not in sandbox.answer("SELECT * FROM pgaadauth_list_principals(false)")


def test_a_dropped_role_of_the_same_name_is_not_opened_again(sandbox: Sandbox) -> None:
    object_id = str(uuid.uuid4())
    sandbox.answer(create("twice", object_id))
    sandbox.answer("DROP ROLE twice; CREATE ROLE twice LOGIN")
    assert sandbox.connect(role="twice", token=sandbox.token(object_id)).returncode == 2
    sandbox.answer("DROP ROLE twice")


def test_an_administrator_ends_the_sessions_of_others_but_is_no_superuser(sandbox: Sandbox) -> None:
    assert sandbox.answer("SELECT pg_has_role(current_user, 'pg_signal_backend', 'member')") == "t"
    assert sandbox.answer("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user") == (
        "f|t|t"
    )
    assert "permission denied" in sandbox.connect("COPY pg_class TO PROGRAM 'id'").stderr
    assert "permission denied" in sandbox.connect("SELECT * FROM pgaadauth.principal").stderr


def test_the_functions_are_for_administrators_and_only_in_database_postgres(sandbox: Sandbox) -> None:
    mine = {"role": ROLE, "token": sandbox.token(ROLE_ID)}
    assert "permission denied for function" in sandbox.connect(create("theirs", ROLE_ID), **mine).stderr
    sandbox.cloud.made(f"{SERVER}/databases/elsewhere", {"properties": {}})
    assert "does not exist" in sandbox.connect(create("theirs", ROLE_ID), database="elsewhere").stderr
    sandbox.cloud.delete(f"{SERVER}/databases/elsewhere")
    assert 'database "elsewhere" does not exist' in sandbox.connect(database="elsewhere").stderr


def test_a_role_that_exists_is_not_bound_anew(sandbox: Sandbox) -> None:
    assert "already exists" in sandbox.connect(create(ROLE, ADMIN_ID)).stderr
    assert sandbox.connect(role=ROLE, token=sandbox.token(ADMIN_ID)).returncode == 2


def test_an_identity_is_found_by_its_name(sandbox: Sandbox) -> None:
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-found"
    made = sandbox.cloud.made(path, {"location": "westeurope"})
    sandbox.answer("SELECT pgaadauth_create_principal('id-found', false, false)")
    token = sandbox.token(made["properties"]["principalId"])
    assert sandbox.answer("SELECT current_user", role="id-found", token=token) == "id-found"
    assert "was not found" in sandbox.connect("SELECT pgaadauth_create_principal('id-lost', false, false)").stderr


def test_an_administrator_that_is_taken_away_opens_nothing(sandbox: Sandbox) -> None:
    object_id = str(uuid.uuid4())
    path = f"{SERVER}/administrators/{object_id}"
    sandbox.cloud.made(path, {"properties": {"principalName": "engineers", "principalType": "Group"}})
    signing_in = {"role": "engineers", "token": sandbox.token(object_id)}
    assert sandbox.answer("SELECT current_user", **signing_in) == "engineers"
    sandbox.answer(create("made_by_engineers", str(uuid.uuid4())), **signing_in)
    sandbox.cloud.delete(path)
    assert sandbox.connect(**signing_in).returncode == 2


# Parameters


def test_the_sku_decides_how_many_connect(sandbox: Sandbox) -> None:
    assert sandbox.answer("SHOW max_connections") == "859"


def test_a_dynamic_parameter_acts_at_once_and_a_static_one_after_a_restart(sandbox: Sandbox) -> None:
    sandbox.cloud.made(parameter("work_mem"), {"properties": {"value": "8192"}})
    assert sandbox.answer("SHOW work_mem") == "8MB"
    static = sandbox.cloud.made(parameter("max_connections"), {"properties": {"value": "777"}})
    assert static["properties"]["isConfigPendingRestart"] is True
    assert sandbox.answer("SHOW max_connections") == "859"
    assert sandbox.cloud.wait(sandbox.act("restart")) == "Succeeded"
    assert sandbox.answer("SHOW max_connections") == "777"
    assert sandbox.cloud.get(parameter("max_connections")).json()["properties"]["isConfigPendingRestart"] is False


def test_a_value_that_postgresql_refuses_fails_the_operation_and_changes_nothing(sandbox: Sandbox) -> None:
    answer = sandbox.cloud.send("PUT", parameter("timezone"), {"properties": {"value": "Nowhere/Here"}})
    assert sandbox.cloud.wait(answer) == "Failed"
    error = sandbox.cloud.client.get(answer.headers["Azure-AsyncOperation"]).json()["error"]
    assert (error["code"], "Nowhere/Here" in error["message"]) == ("InvalidParameterValue", True)
    assert sandbox.answer("SHOW timezone") == "UTC"
    sandbox.cloud.made(parameter("timezone"), {"properties": {"value": "UTC"}})


# Life


def test_a_killed_server_recovers_by_itself_with_its_data(sandbox: Sandbox) -> None:
    sandbox.answer("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    before = pids(sandbox)
    sandbox.servers.kill(NAME)
    assert eventually(lambda: sandbox.connect().returncode == 0)
    assert sandbox.answer("SELECT n FROM kept; DROP TABLE kept") == "1"
    assert not before & pids(sandbox)


def test_a_server_stays_down_as_long_as_a_test_wants(sandbox: Sandbox) -> None:
    begun = time.monotonic()
    sandbox.servers.kill(NAME, 1.5)
    assert time.monotonic() - begun >= 1.5
    assert eventually(lambda: sandbox.servers.status() == {NAME: True})


def test_a_paused_server_keeps_its_sessions_and_answers_later(sandbox: Sandbox) -> None:
    sandbox.servers.pause(NAME)
    try:
        assert sandbox.servers.status() == {NAME: False}
    finally:
        sandbox.servers.resume(NAME)
    assert sandbox.answer("SELECT 1") == "1"


def test_a_failover_cuts_the_sessions_and_swaps_the_zones(sandbox: Sandbox) -> None:
    before = pids(sandbox)
    answer = sandbox.act("restart", {"restartWithFailover": True, "failoverMode": "ForcedFailover"})
    assert sandbox.cloud.wait(answer) == "Succeeded"
    assert sandbox.answer("SELECT 1") == "1"
    assert not before & pids(sandbox)
    shown = sandbox.cloud.get(SERVER).json()["properties"]
    assert (shown["availabilityZone"], shown["highAvailability"]["standbyAvailabilityZone"]) == ("2", "1")


def test_a_stopped_server_takes_no_connection_until_it_is_started(sandbox: Sandbox) -> None:
    assert sandbox.cloud.wait(sandbox.act("stop")) == "Succeeded"
    assert sandbox.cloud.get(SERVER).json()["properties"]["state"] == "Stopped"
    assert sandbox.connect().returncode == 2
    sandbox.servers.start_all()
    assert (pids(sandbox), sandbox.servers.status()) == (set(), {})
    database = sandbox.cloud.send("PUT", f"{SERVER}/databases/early", {"properties": {}})
    assert sandbox.cloud.wait(database) == "Failed"
    assert sandbox.act("restart").json()["error"]["code"] == "ServerIsNotReady"
    assert sandbox.cloud.wait(sandbox.act("start")) == "Succeeded"
    assert sandbox.answer("SELECT 1") == "1"


def test_the_server_outlives_the_service_and_a_stop_of_the_sandbox_keeps_its_data(tmp_path: Path) -> None:
    administrator = {"properties": {"principalName": ADMIN, "principalType": "ServicePrincipal"}}
    with running(tmp_path) as first:
        first.cloud.made(GROUP, {"location": "westeurope"})
        first.cloud.made(SERVER, server_body())
        first.cloud.made(f"{SERVER}/administrators/{ADMIN_ID}", administrator)
        kept = pids(first)
        first.answer("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    with running(tmp_path) as second:
        try:
            assert kept & pids(second)
            assert second.answer("SELECT n FROM kept") == "1"
            second.servers.stop_all()
            assert pids(second) == set()
            second.servers.start_all()
            assert second.answer("SELECT n FROM kept") == "1"
        finally:
            second.servers.stop_all()


@pytest.mark.parametrize("path", [SERVER, GROUP], ids=["the server", "its group"])
def test_deletion_leaves_no_process_no_data_and_no_name(spare: Sandbox, path: str) -> None:
    spare.cloud.made(f"{SERVER}/databases/airflow", {"properties": {}})
    processes = pids(spare)
    assert processes
    spare.cloud.delete(path)
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)
    assert not (spare.root / "postgres" / NAME).exists()
    assert HostNames(spare.root).names() == {}
    assert spare.servers.status() == {}


def test_a_reset_takes_the_servers_away(spare: Sandbox) -> None:
    spare.cloud.made(f"{SERVER}/databases/airflow", {"properties": {}})
    assert spare.cloud.client.post("/_sandbox/reset").status_code == 204
    assert spare.servers.names() == []


def test_all_of_a_server_ends_with_the_process_that_keeps_it(spare: Sandbox) -> None:
    inside = pids(spare)
    assert inside
    supervisor = spare.servers.server(NAME).process.identity()
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in inside))
    spare.servers.start_all()
    assert spare.servers.status() == {NAME: True}
