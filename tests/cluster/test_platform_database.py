"""Who gets at the metadata database of a running platform: logins, aliases, rows, and what no longer is a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg2
import pytest

from components.login import PASSWORD_LENGTH
from components.pgbouncer import RUNTIME_ROLE
from sandbox.cluster.folder import ClusterFolder
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from tests.cluster.platform_clients import Clients
from tests.cluster.running_platform import RunningPlatform

TENANT_LOGINS = ("ariel_dagproc_weather", "ariel_trigger_weather", "ariel_dagproc_mobility", "ariel_trigger_mobility")
LOGINS = {RUNTIME_ROLE, *TENANT_LOGINS}
LIKE_A_SECRET = re.compile(rf"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9._~+/=-]{{12,10000}}|[A-Za-z]{{{PASSWORD_LENGTH}}}")
"""What the platform's random passwords, one in a thousand without a digit, and Entra's tokens are made of."""


@pytest.fixture(scope="module")
def clients(platform: RunningPlatform) -> Clients:
    return Clients(platform)


def refused(clients: Clients, login: str, alias: str, password: str | None = None) -> str:
    with pytest.raises(psycopg2.OperationalError) as refusal:
        clients.connect(login, alias=alias, password=password).close()
    return str(refusal.value)


def test_each_login_opens_its_own_alias_and_no_other(clients: Clients) -> None:
    """A tenant's login that opened another alias would be that tenant, or the scheduler."""
    assert set(clients.logins) == LOGINS
    opened = set()
    for login in LOGINS:
        for alias in LOGINS:
            try:
                clients.connect(login, alias=alias).close()
                opened.add((login, alias))
            except psycopg2.OperationalError:
                continue
    assert opened == {(login, login) for login in LOGINS}


def test_nobody_reaches_the_admin_console(clients: Clients) -> None:
    """Who reaches it reads who is connected, and can stop the platform's way to its database."""
    for login, password in clients.logins.items():
        assert refused(clients, login, "pgbouncer")
        assert refused(clients, "pgbouncer", "pgbouncer", password)


def test_no_login_reaches_another_database_or_role_of_the_server(clients: Clients) -> None:
    for login in LOGINS:
        for alias in ("airflow", "postgres", "ariel_owner", "ariel_admin"):
            assert refused(clients, login, alias)


@pytest.mark.parametrize("login", TENANT_LOGINS)
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM connection",
        "SELECT * FROM variable",
        "UPDATE task_instance SET state = 'success', executor_config = ''",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE dag ADD COLUMN mine int",
        "ALTER TABLE dag DISABLE ROW LEVEL SECURITY",
        "DROP TABLE dag",
        f"SET ROLE {RUNTIME_ROLE}",
        "COPY (SELECT 1) TO PROGRAM 'id'",
    ],
)
def test_a_tenants_login_reads_no_secret_and_changes_no_table(clients: Clients, login: str, statement: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        clients.rows(login, statement)


@pytest.mark.parametrize("login", TENANT_LOGINS)
def test_a_tenants_login_sees_its_own_rows_only(platform: RunningPlatform, clients: Clients, login: str) -> None:
    slug = login.rpartition("_")[2]
    bundles = "SELECT DISTINCT bundle_name FROM dag WHERE bundle_name IN ('weather', 'mobility')"
    platform.until(lambda: len(platform.sql(bundles)) == 2, "both tenants have DAGs")
    for table, column in (("dag", "bundle_name"), ("dag_bundle", "name"), ("team", "name")):
        found = clients.rows(login, f"SELECT DISTINCT {column} FROM {table}")  # noqa: S608
        assert found == [(slug,)], f"{login} sees {found} in {table}"


def test_schedulers_and_api_servers_change_no_table(clients: Clients) -> None:
    for statement in ("CREATE TABLE mine (id int)", "ALTER TABLE dag ADD COLUMN mine int", "DROP TABLE dag"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            clients.rows(RUNTIME_ROLE, statement)


class Directly:
    """PostgreSQL itself, past PgBouncer, as whoever stole something from the cluster would try it."""

    def __init__(self, platform: RunningPlatform) -> None:
        described = platform.databases.server(platform.database).description()
        assert described is not None
        root = platform.session.sandbox.paths.root
        self._place: dict[str, Any] = {
            "host": described.host,
            "hostaddr": described.address,
            "sslmode": "verify-full",
            "sslrootcert": str(ClusterFolder(root / "cluster").pki / "ca.crt"),
            "connect_timeout": 30,
        }

    def opens(self, role: str, password: str) -> bool:
        """Whether the server takes it; raises what is no answer of the server."""
        try:
            with closing(psycopg2.connect(user=role, password=password, dbname="airflow", **self._place)):
                return True
        except psycopg2.OperationalError as error:
            if "FATAL:" not in str(error):
                raise
            return False


@pytest.fixture(scope="module")
def server(platform: RunningPlatform) -> Directly:
    return Directly(platform)


def test_the_server_takes_a_token_where_it_takes_no_password(
    platform: RunningPlatform, clients: Clients, server: Directly
) -> None:
    """Else the refusals below would say nothing."""
    authority = TokenAuthority(platform.session.sandbox.paths.root / "entra")
    identities = platform.workbench.arm(path="resources")
    runtime = next(
        each["properties"]
        for each in identities
        if each["type"].lower() == "microsoft.managedidentity/userassignedidentities"
        and each["properties"]["clientId"] == _account_client(platform)
    )
    token = authority.issue(
        tenant_id=platform.session.settings.azure.tenant_id,
        object_id=runtime["principalId"],
        client_id=runtime["clientId"],
        audience=POSTGRESQL_AUDIENCE,
        lifetime=timedelta(minutes=5),
    )
    assert server.opens(RUNTIME_ROLE, token)
    for login, password in clients.logins.items():
        assert not server.opens(login, password)


def _account_client(platform: RunningPlatform) -> str:
    accounts = platform.get("serviceaccounts", "airflow")
    pgbouncer = next(each for each in accounts if each["metadata"]["name"] == "pgbouncer")
    return str(pgbouncer["metadata"]["annotations"]["azure.workload.identity/client-id"])


def test_nothing_that_the_cluster_keeps_opens_the_server(
    platform: RunningPlatform, clients: Clients, server: Directly
) -> None:
    """Secrets, ConfigMaps and environments of pods, whole and in their parts, as a password of every role."""
    roles = [name for (name,) in platform.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin")]
    assert set(roles) > LOGINS
    candidates = sorted(_candidates(platform, clients))
    assert len(candidates) > 2 * len(LOGINS)
    assert set(clients.logins.values()) <= set(candidates)
    opened = [role for candidate in candidates for role in roles if server.opens(role, candidate)]
    assert opened == []


def _candidates(platform: RunningPlatform, clients: Clients) -> set[str]:
    """What could be a password: a text of the cluster, or a part of it between white space, quotes and signs."""
    texts = [*clients.secrets.values(), *_environment(platform)]
    texts += [value for each in platform.get("configmaps") for value in (each.get("data") or {}).values()]
    return {part for text in texts for part in _parts(text) if LIKE_A_SECRET.fullmatch(part)}


def _environment(platform: RunningPlatform) -> Iterator[str]:
    for pod in platform.get("pods"):
        for container in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]):
            for variable in container.get("env", []):
                yield variable.get("value", "")


def _parts(text: str) -> Iterator[str]:
    yield text.strip()
    # A certificate's lines are no secrets, and there are many.
    if "-----BEGIN CERTIFICATE" not in text:
        yield from re.split(r"""[\s"':@,]+""", text)
