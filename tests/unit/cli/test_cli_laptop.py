"""The environment of a laptop's Airflow: whose it is, what it keeps out, and which database it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ariel_runtime import environment as runtime

from cli import laptop, laptop_database
from cli.laptop_database import DATABASE, database
from cli.repository import TenantRepository, repository_at
from tests.unit.cli import laptop as bed


@pytest.fixture
def repository(tmp_path: Path) -> TenantRepository:
    return repository_at(bed.make(tmp_path / "with a space"))


def test_what_a_person_has_set_for_another_airflow_is_left_out(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "somebody.Elses")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW_CONFIG", "/elsewhere/airflow.cfg")
    found = laptop.environment(repository, "sqlite://")
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert found["AIRFLOW_HOME"] == str(repository.root / ".ariel" / "dev")
    assert not {"AIRFLOW__SECRETS__BACKEND", "AIRFLOW_CONFIG"} & found.keys()


def test_the_policies_know_the_team_and_the_runtime_the_laptop(repository: TenantRepository) -> None:
    found = laptop.environment(repository, "sqlite://")
    (bundle,) = json.loads(found["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert (bundle["name"], bundle["kwargs"]["path"]) == ("weather", str(repository.root))
    assert found[runtime.ENVIRONMENT] == runtime.LAPTOP


def test_a_function_for_an_image_does_not_run_in_airflows_own_python(repository: TenantRepository) -> None:
    """Otherwise it runs with other packages than its author named, and says nothing of it."""
    assert laptop.environment(repository, "sqlite://")["AIRFLOW__ARIEL__ISOLATED_BACKEND"] == "interpreter"


def test_files_that_are_parsed_have_no_secrets(repository: TenantRepository) -> None:
    parsing = laptop.while_parsing(laptop.environment(repository, "sqlite://"))
    assert "WhileParsing" in parsing["AIRFLOW__WORKERS__SECRETS_BACKEND"]
    assert "secrets" not in parsing["AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS"]


def test_two_checkouts_have_addresses_of_their_own_for_good(repository: TenantRepository, tmp_path: Path) -> None:
    other = repository_at(bed.make(tmp_path / "another checkout"))
    ports = {laptop.port(repository), laptop.port(other)}
    assert len(ports) == 2
    assert {laptop.port(repository), laptop.port(other)} == ports


def test_the_files_that_hide_the_state_are_written_once(repository: TenantRepository) -> None:
    ignore = laptop.home(repository).parent / ".airflowignore"
    ignore.write_text("mine\n")
    laptop.home(repository)
    assert ignore.read_text() == "mine\n"


def test_a_persons_own_database_is_taken_from_the_environment(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE, "postgresql+psycopg2://me@/mine")
    with database(repository) as url:
        assert url == "postgresql+psycopg2://me@/mine"


def test_without_a_server_it_is_a_file_of_the_checkout(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laptop_database, "_programs", lambda: None)
    with database(repository) as url:
        assert url == f"sqlite:///{repository.root}/.ariel/dev/airflow.db"


def test_root_has_a_file_as_well_where_postgresql_cannot_run_as_somebody_else(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laptop_database, "_programs", lambda: Path("/usr/bin"))
    monkeypatch.setattr(laptop_database, "_NAMESPACE", ("false",))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with database(repository) as url:
        assert url.startswith("sqlite:///")


@pytest.mark.skipif(not bed.has_server(), reason="PostgreSQL is not installed here, or may not run")
def test_a_server_ends_with_the_last_that_uses_it_also_after_one_that_was_killed(repository: TenantRepository) -> None:
    """Otherwise Ctrl-C leaves a process, or `ariel airflow` takes the database from a running `ariel dev`."""
    lock = repository.root / ".ariel" / "dev" / "postgres" / "postmaster.pid"
    killed = f"""
import os, pathlib
from cli.laptop_database import database
from cli.repository import repository_at
with database(repository_at(pathlib.Path({str(repository.root)!r}))):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9
    assert lock.exists()
    with database(repository) as first:
        with database(repository) as second:
            assert first == second
        assert lock.exists()
    assert not lock.exists()
