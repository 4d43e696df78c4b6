"""A laptop's secrets: from which file, and that a task sees them as it sees those of a vault."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.execution_time import supervisor
from ariel_runtime import secrets, tenants
from ariel_runtime.environment import ENVIRONMENT, LAPTOP
from ariel_runtime.laptop.missing import missing, write
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets import SecretMissingError
from ariel_runtime.secrets.backend import RefusedSecretError
from ariel_runtime.secrets.local import LocalSecretsBackend, in_files
from ariel_runtime.secrets.names import Kind

DAG = """
from airflow.sdk import Connection, Variable, dag, task
from ariel_runtime import secrets


@dag(dag_id="weather.needs", schedule=None)
def needs():
    @task
    def work():
        Connection.get("warehouse")
        Connection.get("partner")
        Variable.get("city")
        Variable.get("optional", default="x")
        Variable.get("of_the_repository")
        secrets.get("token")

    work()


needs()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT, LAPTOP)
    made = tmp_path / "with a space"
    (made / "dags").mkdir(parents=True)
    (made / "connections.yaml").write_text(
        "connections: {partner: {conn_type: http, host: partner.example, password: {secret: partner-key}}}"
    )
    (made / "variables.yaml").write_text("of_the_repository: everywhere")
    (made / "variables.laptop.yaml").write_text("of_the_repository: here")
    return made


@pytest.fixture
def folder(root: Path) -> Path:
    made = root / ".ariel" / "secrets"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def backend(root: Path, folder: Path) -> LocalSecretsBackend:
    return LocalSecretsBackend(folder=str(folder), root=str(root))


def test_each_kind_comes_from_its_own_file(backend: LocalSecretsBackend, folder: Path) -> None:
    (folder / "connections.yaml").write_text(
        "warehouse: postgres://me:pass-word@db:5432/trips\nother: {conn_type: http, host: there}\n"
    )
    (folder / "variables.yaml").write_text("city: Bern\nmany: [1, 2]\n")
    (folder / "secrets.yaml").write_text("city: not the variable\n")
    warehouse = backend.get_connection("warehouse")
    assert warehouse is not None
    assert (warehouse.host, warehouse.password, warehouse.schema) == ("db", "pass-word", "trips")
    other = backend.get_connection("other")
    assert other is not None
    assert other.host == "there"
    assert (backend.get_variable("city"), backend.get_variable("many")) == ("Bern", "[1, 2]")
    assert backend.get_secret("city") == "not the variable"


def test_what_the_repository_says_counts_here_with_the_laptops_secrets_in_it(
    backend: LocalSecretsBackend, folder: Path
) -> None:
    (folder / "secrets.yaml").write_text("partner-key: from this laptop\n")
    partner = backend.get_connection("partner")
    assert partner is not None
    assert (partner.host, partner.password) == ("partner.example", "from this laptop")
    assert backend.get_variable("of_the_repository") == "here"


def test_a_file_of_comments_holds_nothing_and_is_no_error(backend: LocalSecretsBackend, folder: Path) -> None:
    (folder / "variables.yaml").write_text("# city:\n")
    assert backend.get_variable("city") is None


def test_a_broken_file_is_said_and_shows_no_value(backend: LocalSecretsBackend, folder: Path) -> None:
    (folder / "variables.yaml").write_text('city: "hunter2\n')
    with pytest.raises(RefusedSecretError) as refused:
        backend.get_variable("city")
    assert "variables.yaml" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_who_misses_a_plain_secret_is_told_in_which_file_to_write_it(
    backend: LocalSecretsBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [backend])
    with pytest.raises(SecretMissingError) as refused:
        secrets.get("token")
    assert str(folder / "secrets.yaml") in str(refused.value)
    assert "ariel secrets set" not in str(refused.value)


def test_the_pages_of_a_laptop_know_no_tenants_instead_of_failing(root: Path) -> None:
    assert tenants.tenants() == {}


def test_what_is_missing_is_written_as_comments_once_and_nothing_that_is_there_is_touched(
    root: Path, folder: Path
) -> None:
    (root / "dags" / "needs.py").write_text(DAG)
    (folder / "variables.yaml").write_text("mine: kept\n")
    found = missing(root, root / "dags", folder)
    assert [(each["kind"], each["id"]) for each in found] == [
        ("connection", "warehouse"),
        ("secret", "partner-key"),
        ("secret", "token"),
        ("variable", "city"),
    ]
    write(found, folder)
    once = {file.name: file.read_text() for file in folder.iterdir()}
    assert once["variables.yaml"] == 'mine: kept\n# "city":  # dags/needs.py:12\n'
    write(found, folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == once
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir() if file.name != "variables.yaml")


def test_a_line_that_is_filled_in_is_no_longer_missing(root: Path, folder: Path) -> None:
    (root / "dags" / "needs.py").write_text(DAG)
    write(missing(root, root / "dags", folder), folder)
    filled = (folder / "secrets.yaml").read_text().replace('# "token":', '"token": hunter2')
    (folder / "secrets.yaml").write_text(filled)
    assert in_files(folder, Kind.SECRET, "token") == "hunter2"
    assert "token" not in [each["id"] for each in missing(root, root / "dags", folder)]


def test_a_line_without_a_value_is_said_by_its_file(root: Path, folder: Path) -> None:
    (folder / "connections.yaml").write_text("warehouse:\n")
    with pytest.raises(RefusedError, match=r"connections\.yaml"):
        in_files(folder, Kind.CONNECTION, "warehouse")
