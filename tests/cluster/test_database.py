"""The metadata database on a real server: who may do what, and that turns of the reconciler keep it so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ariel_runtime.database.access import OWNER, RUNTIME, TABLES, Kind, Privilege
from sqlalchemy.exc import DBAPIError

from tests.cluster.metadata_bed import Bed, bed, processor, triggerer

MIGRATE = "ariel_runtime.migrate"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Before the first turn."""
    folder = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch, bed(folder) as made:
        described = made.sandbox.servers.server("psql-test").description()
        assert described is not None
        patch.setenv("PGHOSTADDR", described.address)
        patch.setenv("PGSSLROOTCERT", str(folder / "sandbox" / "cluster" / "pki" / "ca.crt"))
        patch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
        yield made


@pytest.fixture(scope="module")
def roles_only(empty: Bed) -> Bed:
    """After a first turn, which finds no schema."""
    empty.add("weather")
    empty.add("mobility")
    assert not empty.turn()
    return empty


@pytest.fixture(scope="module")
def migrated(roles_only: Bed) -> Bed:
    done = roles_only.run(OWNER, MIGRATE)
    assert done.returncode == 0, done.stdout
    assert roles_only.turn()
    return roles_only


def test_the_first_turn_makes_what_the_migration_waits_for(roles_only: Bed) -> None:
    assert (roles_only.folder / "ready").exists()
    assert roles_only.sql(OWNER, "SELECT current_user") == [(OWNER,)]


def test_a_second_turn_writes_nothing(migrated: Bed) -> None:
    landscape = migrated.landscape()
    assert migrated.turn(landscape)
    assert landscape.written == 0


def test_the_runtime_reads(migrated: Bed) -> None:
    assert migrated.sql(RUNTIME, "SELECT count(*) FROM team") == [(2,)]


REFUSED = "permission denied"
SECRETS = ("connection", "variable", "connection_test_request", "revoked_token", "dag_favorite", "log")


def refusal(bed: Bed, role: str, statement: str) -> str:
    """What the server says; it must refuse."""
    with pytest.raises(DBAPIError) as caught:
        bed.sql(role, statement)
    return str(caught.value.orig)


def insert_dag(slug: str, dag_id: str) -> str:
    return (
        "INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, partition_mapper_info,"
        " max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits)"
        f" VALUES ('{dag_id}', false, false, '{slug}', '', '{{}}', 1, 0, false)"
    )


@pytest.fixture(scope="module")
def parsed(migrated: Bed) -> Bed:
    """Each tenant has a DAG with a run, a deferred task with its trigger, and an XCom."""
    for slug in ("weather", "mobility"):
        migrated.sql(processor(slug), insert_dag(slug, f"{slug}.daily"))
        migrated.sql(
            RUNTIME,
            "WITH run AS (INSERT INTO dag_run (dag_id, run_id, run_type, run_after, state)"
            f" VALUES ('{slug}.daily', 'r', 'manual', now(), 'running') RETURNING id, dag_id, run_id),"
            " waiting AS (INSERT INTO trigger (classpath, kwargs, created_date, team_name)"
            f" VALUES ('t', '{{}}', now(), '{slug}') RETURNING id),"
            " task AS (INSERT INTO task_instance (id, task_id, dag_id, run_id, try_number, pool, pool_slots, state,"
            " trigger_id) SELECT gen_random_uuid(), 't', dag_id, run_id, 1, 'default_pool', 1, 'deferred', waiting.id"
            " FROM run, waiting)"
            " INSERT INTO xcom (dag_run_id, task_id, key, dag_id, run_id, value, timestamp)"
            f" SELECT id, 't', 'k', dag_id, run_id, '\"of {slug}\"', now() FROM run",
        )
    return migrated


@pytest.mark.parametrize("role", [processor("weather"), triggerer("weather")])
@pytest.mark.parametrize("table", SECRETS)
def test_a_tenants_code_cannot_read_secrets_users_or_the_audit_log(migrated: Bed, role: str, table: str) -> None:
    assert f"{REFUSED} for table {table}" in refusal(migrated, role, f"SELECT * FROM {table}")  # noqa: S608


def test_each_role_holds_what_the_table_says_and_nothing_else(migrated: Bed) -> None:
    """Tables that are not named are closed, with all privileges that PostgreSQL knows, to the columns."""
    tables = [name for (name,) in migrated.sql(OWNER, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    named = {table.name: table for table in TABLES}
    assert set(named) <= set(tables), "the rules speak of tables that this version of Airflow does not have"
    wrong = []
    for kind, role in ((Kind.PROCESSOR, processor("weather")), (Kind.TRIGGERER, triggerer("weather"))):
        for table in tables:
            rights = named[table].rights(kind) if table in named else ()
            for privilege in (*Privilege, "REFERENCES"):
                found = migrated.sql(
                    OWNER,
                    "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public'"
                    f" AND table_name = '{table}' AND has_column_privilege('{role}', 'public.{table}', column_name, '{privilege}')"
                    if privilege != "DELETE"
                    else f"SELECT '*' WHERE has_table_privilege('{role}', 'public.{table}', 'DELETE')",
                )
                held = {name for (name,) in found}
                granted = [right for right in rights if right.privilege == privilege]
                partial = {column for right in granted for column in right.columns}
                if held and not granted or partial and held != partial or granted and not held:
                    wrong.append((role, table, privilege, held))
    assert wrong == []


@pytest.mark.parametrize(
    "table", ["dag", "dag_run", "task_instance", "trigger", "team", "dag_bundle", "dag_bundle_team"]
)
def test_a_tenant_sees_only_its_own_rows(parsed: Bed, table: str) -> None:
    of_owner = {str(row) for row in parsed.sql(OWNER, f"SELECT * FROM {table}")}  # noqa: S608
    for role in (processor("weather"), triggerer("weather")):
        if table == "trigger" and role == processor("weather"):
            continue
        seen = {str(row) for row in parsed.sql(role, f"SELECT * FROM {table}")}  # noqa: S608
        assert seen
        assert seen < of_owner
        assert not any("mobility" in row for row in seen)


def test_a_triggerer_reads_only_its_own_tenants_xcom(parsed: Bed) -> None:
    assert parsed.sql(triggerer("weather"), "SELECT value FROM xcom") == [("of weather",)]
    assert REFUSED in refusal(parsed, processor("weather"), "SELECT value FROM xcom")


def test_scheduler_and_api_server_see_every_tenants_rows(parsed: Bed) -> None:
    assert parsed.sql(RUNTIME, "SELECT count(*) FROM dag") == [(2,)]


def test_a_triggerer_resumes_its_own_tasks_and_no_others(parsed: Bed) -> None:
    resumed = "UPDATE task_instance SET state = 'scheduled', trigger_id = NULL RETURNING dag_id"
    with parsed.engine(triggerer("weather")).connect() as connection:
        assert connection.exec_driver_sql(resumed).fetchall() == [("weather.daily",)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE task_instance SET executor_config = NULL",
        "UPDATE task_instance SET pool = 'default_pool'",
        "UPDATE dag_run SET state = 'success'",
        "DELETE FROM task_instance",
        "INSERT INTO team VALUES ('foreign')",
        "UPDATE dag_bundle SET name = 'foreign'",
        "INSERT INTO dag_bundle (name) VALUES ('foreign')",
        "INSERT INTO dag_bundle_team VALUES ('weather', 'mobility')",
        "UPDATE slot_pool SET slots = 1000",
        "UPDATE ariel.tenant SET bundle = 'mobility'",
        "CREATE TABLE mine (x int)",
        "CREATE TEMP TABLE mine (x int)",
        "CREATE TABLE ariel.mine (x int)",
        "SET ROLE ariel_owner",
    ],
)
@pytest.mark.parametrize("role", [processor("weather"), triggerer("weather")])
def test_a_tenants_code_cannot_write_what_is_not_its_to_write(migrated: Bed, role: str, statement: str) -> None:
    assert REFUSED in refusal(migrated, role, statement)


@pytest.mark.parametrize("statement", ["CREATE TABLE mine (x int)", "ALTER TABLE dag ADD x int", "DROP TABLE dag"])
def test_the_runtime_changes_no_table(migrated: Bed, statement: str) -> None:
    assert any(said in refusal(migrated, RUNTIME, statement) for said in (REFUSED, "must be owner"))


def test_a_dag_id_is_taken_only_by_the_tenant_whose_slug_it_begins_with(migrated: Bed) -> None:
    told = refusal(migrated, processor("weather"), insert_dag("weather", "mobility.routes"))
    assert 'DAG id "mobility.routes" is reserved for bundle "mobility" of tenant "mobility"' in told
    told = refusal(migrated, processor("weather"), insert_dag("weather", "routes"))
    assert 'DAG id "routes" of bundle "weather" must begin with "weather."' in told
    told = refusal(migrated, processor("weather"), insert_dag("mobility", "mobility.routes"))
    assert "row-level security" in told


def test_nobody_moves_a_dag_to_another_bundle(parsed: Bed) -> None:
    told = refusal(parsed, RUNTIME, "UPDATE dag SET bundle_name = 'weather' WHERE dag_id = 'mobility.daily'")
    assert 'DAG "mobility.daily" belongs to bundle "mobility" of tenant "mobility"' in told


def overwrite(key: str, team: str | None) -> str:
    """As `Variable.set` of Airflow 3.3 does, which leaves the team of the row as it is."""
    value = f"'{team}'" if team else "NULL"
    return (
        "INSERT INTO variable (key, val, is_encrypted, team_name)"
        f" VALUES ('{key}', 'v', false, {value}) ON CONFLICT (key) DO UPDATE SET val = excluded.val"
    )


def test_no_team_overwrites_a_variable_of_another_or_of_the_platform(migrated: Bed) -> None:
    migrated.sql(RUNTIME, overwrite("taken", "weather"))
    migrated.sql(RUNTIME, overwrite("shared", None))
    migrated.sql(RUNTIME, overwrite("taken", "weather"))
    told = refusal(migrated, RUNTIME, overwrite("taken", "mobility"))
    assert 'Variable "taken" belongs to team "weather", and team "mobility" cannot take it' in told
    assert "belongs to the platform" in refusal(migrated, RUNTIME, overwrite("shared", "mobility"))
    assert "cannot take it" in refusal(migrated, RUNTIME, "UPDATE variable SET team_name = NULL WHERE key = 'taken'")


def test_a_job_is_signed_by_who_made_it_and_is_nobody_elses(migrated: Bed) -> None:
    """Airflow ends a process whose job another has marked: so one tenant could end the others' processors."""
    migrated.sql(
        RUNTIME, "INSERT INTO job (id, state, job_type, unixname) VALUES (500, 'running', 'SchedulerJob', 'x')"
    )
    for slug in ("weather", "mobility"):
        forged = "INSERT INTO job (id, state, unixname) VALUES (500, 'running', 'ariel_dagproc_mobility')"
        migrated.sql(processor(slug), forged)
    seen = migrated.sql(processor("weather"), "UPDATE job SET state = 'restarting' RETURNING unixname, id <> 500")
    assert seen == [("ariel_dagproc_weather", True)]


def test_a_table_of_a_later_version_is_the_runtimes_at_once_and_no_tenants(migrated: Bed) -> None:
    migrated.sql(OWNER, "CREATE TABLE later (id serial PRIMARY KEY, x int)")
    try:
        migrated.sql(RUNTIME, "INSERT INTO later (x) VALUES (1)")
        assert migrated.sql(RUNTIME, "SELECT x FROM later") == [(1,)]
        landscape = migrated.landscape()
        assert migrated.turn(landscape)
        assert landscape.written == 0
        for role in (processor("weather"), triggerer("weather")):
            assert REFUSED in refusal(migrated, role, "SELECT * FROM later")
    finally:
        migrated.sql(OWNER, "DROP TABLE later")


def test_what_somebody_changed_by_hand_is_put_right(migrated: Bed) -> None:
    for statement in (
        "GRANT SELECT ON connection TO ariel_dagproc",
        "GRANT UPDATE (executor_config) ON task_instance TO ariel_trigger",
        "REVOKE SELECT ON dag FROM ariel_runtime",
        "ALTER TABLE dag DISABLE ROW LEVEL SECURITY",
        "DROP POLICY ariel_tenant ON xcom",
        "DROP TRIGGER ariel_keep_bundle ON dag",
        "CREATE POLICY ajar ON trigger USING (true)",
    ):
        migrated.sql(OWNER, statement)
    assert migrated.turn()
    test_each_role_holds_what_the_table_says_and_nothing_else(migrated)
    assert migrated.sql(RUNTIME, "SELECT count(*) >= 0 FROM dag") == [(True,)]
    test_a_dag_id_is_taken_only_by_the_tenant_whose_slug_it_begins_with(migrated)
    assert migrated.sql(OWNER, "SELECT count(*) FROM pg_policies WHERE policyname = 'ajar'") == [(0,)]
    landscape = migrated.landscape()
    assert migrated.turn(landscape)
    assert landscape.written == 0


def test_a_second_migration_finds_nothing_to_do(migrated: Bed) -> None:
    done = migrated.run(OWNER, MIGRATE)
    assert done.returncode == 0, done.stdout
    assert "tables created" not in done.stdout
    assert migrated.sandbox.token(migrated.identity(OWNER))[:20] not in done.stdout
