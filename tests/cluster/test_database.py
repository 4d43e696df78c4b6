"""The metadata database on a real server: who may do what, and that turns of the reconciler keep it so."""
# ruff: noqa: S608 - statements are put together from the names of this file

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ariel_runtime.database.access import OWNER, RUNTIME, TABLES, Kind, Privilege
from ariel_runtime.delivery import journal
from ariel_runtime.registry import parse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.cluster.metadata_bed import MIGRATE, Bed, bed, processor, triggerer


@pytest.fixture(scope="module")
def roles_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """After a first turn, which finds no schema."""
    with bed(tmp_path_factory.mktemp("database")) as made:
        made.add("weather")
        made.add("mobility")
        assert not made.turn()
        yield made


@pytest.fixture(scope="module")
def migrated(roles_only: Bed) -> Bed:
    roles_only.migrate()
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
    assert f"{REFUSED} for table {table}" in refusal(migrated, role, f"SELECT * FROM {table}")


def held(bed: Bed, role: str) -> set[tuple[str, str, str]]:
    """(table, column, privilege) of all that the role may do, by whatever way it got there."""
    found = bed.sql(
        OWNER,
        "SELECT table_name::text, column_name::text, privilege FROM information_schema.columns,"
        " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) privilege WHERE table_schema = 'public'"
        f" AND has_column_privilege('{role}', format('public.%I', table_name), column_name, privilege)"
        " UNION ALL SELECT tablename::text, '', privilege"
        " FROM pg_tables, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) privilege WHERE schemaname = 'public'"
        f" AND has_table_privilege('{role}', format('public.%I', tablename), privilege)",
    )
    return {(table, column, privilege) for table, column, privilege in found}


def named(bed: Bed, kind: Kind) -> set[tuple[str, str, str]]:
    """What the table of rules says, to the columns."""
    columns = bed.sql(
        OWNER, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    expected = set()
    for table in TABLES:
        whole = [column for name, column in columns if name == table.name]
        assert whole, f"the rules speak of {table.name}, which this version of Airflow does not have"
        for right in table.rights(kind):
            some = [""] if right.privilege is Privilege.DELETE else right.columns or whole
            expected |= {(table.name, column, right.privilege.value) for column in some}
    return expected


@pytest.mark.parametrize("kind", Kind)
def test_each_role_holds_what_the_table_says_and_nothing_else(migrated: Bed, kind: Kind) -> None:
    assert held(migrated, f"{kind.prefix}weather") == named(migrated, kind)


@pytest.mark.parametrize(
    "table", ["dag", "dag_run", "task_instance", "trigger", "team", "dag_bundle", "dag_bundle_team"]
)
def test_a_tenant_sees_only_its_own_rows(parsed: Bed, table: str) -> None:
    of_owner = {str(row) for row in parsed.sql(OWNER, f"SELECT * FROM {table}")}
    for role in (processor("weather"), triggerer("weather")):
        if table == "trigger" and role == processor("weather"):
            continue
        seen = {str(row) for row in parsed.sql(role, f"SELECT * FROM {table}")}
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
        "SELECT * FROM ariel.webhook",
        "DELETE FROM ariel.webhook_delivery",
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


def test_one_call_of_a_webhook_at_a_time_moves_its_key_on(migrated: Bed) -> None:
    """Two that hold the same key would both be let in, and a vault that one of them wrote last could be behind."""
    with Session(migrated.engine(RUNTIME)) as first, Session(migrated.engine(RUNTIME)) as second:
        journal.begin(first, "weather")
        first.commit()
        held = journal.issued(first, "weather", lock=True)
        assert held is not None
        assert journal.issued(second, "weather") == held
        assert journal.issued(second, "weather", lock=True) is None
        journal.advance(first, "weather", held.number + 1)
        journal.accept(first, "weather", "proof", "key")
        first.commit()
        moved = journal.issued(second, "weather", lock=True)
        assert moved is not None
        assert moved.number == held.number + 1
        assert journal.was_used(second, "weather", "proof")
        assert [each.sender for each in journal.latest(second, "weather", 5)] == ["key"]


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
    for kind in Kind:
        test_each_role_holds_what_the_table_says_and_nothing_else(migrated, kind)
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


@pytest.fixture
def leaving(parsed: Bed) -> Iterator[Bed]:
    """A third tenant with a DAG, a secret and a run, which the test removes."""
    parsed.add("leaving-soon")
    assert parsed.turn()
    parsed.sql(processor("leaving-soon"), insert_dag("leaving-soon", "leaving-soon.last") + " ON CONFLICT DO NOTHING")
    parsed.sql(RUNTIME, overwrite("secret", "leaving-soon"))
    yield parsed
    parsed.tenants.pop("leaving-soon", None)
    assert parsed.turn()


def test_a_removed_tenant_loses_sessions_roles_and_secrets_and_keeps_its_history(leaving: Bed) -> None:
    with leaving.engine(triggerer("leaving-soon")).connect() as session:
        session.exec_driver_sql("SELECT 1")
        leaving.tenants.pop("leaving-soon")
        assert leaving.turn()
        with pytest.raises(DBAPIError):
            session.exec_driver_sql("SELECT 1")
    assert leaving.sql(RUNTIME, "SELECT FROM pg_roles WHERE rolname LIKE 'ariel%leaving%'") == []
    for table, column in (("team", "name"), ("slot_pool", "pool"), ("variable", "team_name"), ("variable", "key")):
        assert leaving.sql(OWNER, f"SELECT FROM {table} WHERE {column} IN ('leaving-soon', 'secret')") == []
    kept = leaving.sql(OWNER, "SELECT dag_id, is_stale, is_paused FROM dag WHERE bundle_name = 'leaving-soon'")
    assert kept == [("leaving-soon.last", True, True)]
    assert leaving.sql(OWNER, "SELECT active FROM dag_bundle WHERE name = 'leaving-soon'") == [(False,)]
    leaving.add("leaving-soon")
    assert leaving.turn()
    assert leaving.sql(processor("leaving-soon"), "SELECT dag_id FROM dag") == [("leaving-soon.last",)]


def test_removal_leaves_the_other_tenants_as_they_are(leaving: Bed) -> None:
    before = leaving.sql(OWNER, "SELECT * FROM task_instance ORDER BY id"), leaving.sql(OWNER, "SELECT * FROM trigger")
    leaving.tenants.pop("leaving-soon")
    assert leaving.turn()
    after = leaving.sql(OWNER, "SELECT * FROM task_instance ORDER BY id"), leaving.sql(OWNER, "SELECT * FROM trigger")
    assert after == before


def test_a_malformed_entry_removes_nobody(leaving: Bed) -> None:
    """Also after a restart, when the registry has no last good entry to stand in."""
    leaving.tenants.pop("leaving-soon")
    leaving.malformed["leaving-soon"] = "is not JSON"
    try:
        assert not leaving.turn()
        assert leaving.sql(processor("leaving-soon"), "SELECT count(*) FROM dag") == [(1,)]
    finally:
        leaving.malformed.clear()


def test_one_tenants_wrong_entry_stops_no_other(leaving: Bed) -> None:
    """Its role would open the whole database."""
    document = leaving.document("leaving-soon")
    document["roles"] = {OWNER: document["roles"][processor("leaving-soon")]}
    leaving.tenants["aaa"] = replace(parse(json.dumps(document)), slug="aaa", team="aaa", bundle="aaa", pool="aaa")
    leaving.tenants["weather"] = replace(leaving.tenants["weather"], slots=7)
    try:
        assert not leaving.turn()
        assert leaving.sql(OWNER, "SELECT slots FROM slot_pool WHERE pool = 'weather'") == [(7,)]
        assert leaving.sql(OWNER, "SELECT FROM team WHERE name = 'aaa'") == []
    finally:
        del leaving.tenants["aaa"]


@pytest.mark.parametrize("role", [processor("weather"), RUNTIME, OWNER])
def test_a_role_whose_identity_was_made_anew_opens_to_the_new_one_only(parsed: Bed, role: str) -> None:
    old = parsed.identity(role)
    parsed.identities[role] = str(uuid.uuid4())
    parsed.add("weather")
    assert parsed.turn()
    assert parsed.sql(role, "SELECT count(*) > 0 FROM dag") == [(True,)]
    refused = parsed.sandbox.connect(role=role, token=parsed.sandbox.token(old), database="airflow")
    assert refused.returncode != 0
    assert parsed.sql(OWNER, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [(OWNER,)]
    landscape = parsed.landscape()
    assert parsed.turn(landscape)
    assert landscape.written == 0
