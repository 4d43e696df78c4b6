"""The rules of the metadata database as data: what no grant may ever say, and that the README says what they say."""

from __future__ import annotations

import pytest
from ariel_runtime.database import guards, schema
from ariel_runtime.database.access import RUNTIME, TABLES, Kind, Privilege
from ariel_runtime.database.summary import README, renewed

BY_NAME = {table.name: table for table in TABLES}
SECRET = ("connection", "variable", "connection_test_request", "log", "revoked_token", "dag_favorite", "slot_pool")
OWNERSHIP = ("team", "dag_bundle_team")
SHARED = {
    "alembic_version",
    "asset",
    "asset_active",
    "asset_alias",
    "asset_alias_asset",
    "log_template",
}
"""Tables without an owner per row, each looked at: names of assets, the schema's revision, names of log files."""


def writes(name: str, kind: Kind) -> set[str]:
    return {right.privilege for right in BY_NAME[name].rights(kind)} - {Privilege.SELECT}


def test_a_table_stands_in_the_rules_once() -> None:
    assert len(BY_NAME) == len(TABLES)


@pytest.mark.parametrize("name", SECRET)
def test_no_tenant_role_is_given_a_table_with_secrets(name: str) -> None:
    assert name not in BY_NAME


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", OWNERSHIP)
def test_no_tenant_role_writes_who_owns_what(name: str, kind: Kind) -> None:
    assert writes(name, kind) == set()


@pytest.mark.parametrize("kind", Kind)
def test_a_bundle_is_never_renamed_made_or_dropped_by_its_tenant(kind: Kind) -> None:
    rights = BY_NAME["dag_bundle"].rights(kind)
    assert writes("dag_bundle", kind) <= {Privilege.UPDATE}
    assert all("name" not in right.columns for right in rights)
    assert all(right.columns for right in rights if right.privilege is Privilege.UPDATE)


def test_a_processor_writes_no_run_and_no_task() -> None:
    assert writes("dag_run", Kind.PROCESSOR) | writes("task_instance", Kind.PROCESSOR) == set()


def test_a_triggerer_writes_only_what_resumes_a_task() -> None:
    assert writes("task_instance", Kind.TRIGGERER) == {Privilege.UPDATE}
    written = {column for right in BY_NAME["task_instance"].triggerer for column in right.columns}
    assert written.isdisjoint(
        {"id", "dag_id", "task_id", "run_id", "executor_config", "pool", "queue", "dag_version_id"}
    )
    assert writes("dag_run", Kind.TRIGGERER) == set()


def test_every_other_table_has_a_rule_for_its_rows() -> None:
    assert {table.name for table in TABLES if table.rows is None} == SHARED


def test_a_table_that_does_not_stand_in_the_rules_is_the_runtimes_alone() -> None:
    grants = schema.desired_grants(["later"], [("later", "later_id_seq")])
    assert {grant.role for grant in grants} == {RUNTIME}
    assert {grant.privilege for grant in grants if grant.relation == "later"} == set(Privilege)


def test_nobody_but_the_owner_writes_the_revision_of_the_schema() -> None:
    grants = schema.desired_grants(["alembic_version"], [])
    assert {grant.privilege for grant in grants} == {Privilege.SELECT}


def test_every_function_of_ours_fixes_its_search_path() -> None:
    """One that runs as its owner would otherwise call what a caller puts before it."""
    for function in guards.FUNCTIONS:
        assert "SECURITY DEFINER SET search_path = pg_catalog, pg_temp" in function.create
        assert "FROM PUBLIC" in function.create


def test_a_changed_rule_changes_the_mark_by_which_it_is_known() -> None:
    marks = [made.mark for made in guards.objects()]
    assert len(set(marks)) == len(marks)


def test_the_readme_says_what_the_rules_say() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == renewed(text), "run: python -m ariel_runtime.database.summary"
