"""`ariel db psql`: to whom one signs in, as whom, and that nobody else reads the token."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from cli import psql
from cli.app import app
from cli.session import Session
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from sandbox.network import network
from sandbox.postgres.server import Description
from sandbox.postgres.servers import PostgresServers
from sandbox.postgres.tree import Tree
from stacks.errors import MachineError, UsageError
from stacks.naming import Kind, Names

ROOT = Path(__file__).parents[3]
HOST = "psql.postgres.database.azure.com"
TOKEN = "token-of-a-person"  # noqa: S105
GIVEN = ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGUSER", "PGSSLMODE", "PGSSLROOTCERT")
CLIENT = """#!/bin/sh
said="${0%/bin/*}/said"
env > "$said"
echo "arguments: $*" >> "$said"
exit 3
"""
AZ = f"""#!/bin/sh
echo "$*" > "${{0%/bin/*}}/said.az"
echo '{{"accessToken": "{TOKEN}", "expiresOn": "2030-01-01 00:00:00.000000", "expires_on": 1893456000}}'
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a `psql` first on PATH that notes what it is given."""
    for file in ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, tmp_path)
    program(tmp_path, "psql", CLIENT)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(root: Path, name: str, text: str) -> None:
    file = root / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture
def sandbox(project: Path) -> Path:
    """The folder of one with a database, of which nothing runs."""
    session = Session(project, "local")
    root = session.sandbox.paths.root
    name = Names(organisation=session.settings.organisation, stack="local").of(Kind.DATABASE_SERVER)
    server = PostgresServers(root, network(root)).server(name)
    server.folder.mkdir(parents=True)
    server.describe(Description(name=name, host=HOST, sku="any", parameters={}, address="10.213.0.32", made=True))
    authority = session.sandbox.paths.cluster / "pki" / "ca.crt"
    authority.parent.mkdir(parents=True)
    authority.write_text("certificate")
    authority.chmod(0o600)
    return root


def opened(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["db", "psql", *arguments])


def told(project: Path) -> dict[str, str]:
    """The variables that psql had, and its arguments."""
    lines = (project / "said").read_text().splitlines()
    arguments = lines.pop().partition(": ")[2]
    return {**dict(line.split("=", 1) for line in lines if "=" in line), "arguments": arguments}


def test_in_the_sandbox_one_is_the_administrators_group_with_a_token_that_its_server_takes(
    project: Path, sandbox: Path
) -> None:
    assert opened().exit_code == 3
    found, settings = told(project), Session(project, "local").settings
    assert {name: found[name] for name in GIVEN} == {
        "PGHOST": HOST,
        "PGHOSTADDR": "10.213.0.32",
        "PGDATABASE": "airflow",
        "PGUSER": settings.azure.admin_group_name,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(sandbox / "cluster" / "pki" / "ca.crt"),
    }
    claims = TokenAuthority(sandbox / "entra").verify(found["PGPASSWORD"], POSTGRESQL_AUDIENCE)
    assert claims.object_id == settings.azure.admin_group_id


def test_a_token_is_on_no_command_line_and_not_shown(project: Path, sandbox: Path) -> None:
    """Others of the machine read the former, and whoever looks over the shoulder the latter."""
    result = opened()
    found = told(project)
    assert found["arguments"] == ""
    assert found["PGPASSWORD"] not in result.output
    assert TOKEN not in repr(psql.SignIn(host=HOST, role="admins", token=TOKEN))


def test_without_a_psql_the_sandboxs_own_reads_the_authority_as_another_user(
    project: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psql.shutil, "which", lambda name: None)
    monkeypatch.setattr(PostgresServers, "tree", Tree(project))
    monkeypatch.setattr(Tree, "command", lambda self, home, name: [str(project / "bin" / name), str(home)])
    before = os.umask(0o077)
    try:
        assert opened().exit_code == 3
    finally:
        os.umask(before)
    found = told(project)
    assert found["PGSSLROOTCERT"] == "/var/lib/postgresql/ca.crt"
    certificate = Path(found["arguments"]) / "ca.crt"
    assert (certificate.read_text(), certificate.stat().st_mode & 0o777) == ("certificate", 0o644)


def test_a_sandbox_without_a_database_is_said(project: Path) -> None:
    assert isinstance(opened().exception, UsageError)


@pytest.fixture
def azure(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack that was deployed; the Azure CLI knows somebody."""
    state = SimpleNamespace(exports={"platform": {"databaseHost": HOST}})
    monkeypatch.setattr(Session, "engine", SimpleNamespace(state=lambda: state))
    monkeypatch.setattr(Session, "prepare", lambda self, *, cluster: None)
    program(project, "az", AZ)
    return project


def test_in_azure_one_is_oneself_by_the_azure_cli(azure: Path) -> None:
    assert opened("--env", "dev", "--live").exit_code == 3
    found, settings = told(azure), Session(azure, "dev").settings
    assert (found["PGHOST"], found["PGUSER"]) == (HOST, settings.azure.admin_group_name)
    assert (found["PGPASSWORD"], found["PGSSLMODE"], found["PGSSLROOTCERT"]) == (TOKEN, "verify-full", "system")
    assert "PGHOSTADDR" not in found, "the person's own would lead elsewhere"
    asked = (azure / "said.az").read_text()
    assert POSTGRESQL_AUDIENCE in asked
    assert settings.azure.tenant_id in asked


def test_who_is_not_signed_in_reads_how_to(azure: Path) -> None:
    program(azure, "az", "#!/bin/sh\necho \"Please run 'az login' to setup account.\" >&2\nexit 1\n")
    error = opened("--env", "dev", "--live").exception
    assert isinstance(error, MachineError)
    assert "az login --tenant" in error.problems[0].action


def test_an_environment_that_was_never_made_is_said(azure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "engine", SimpleNamespace(state=lambda: SimpleNamespace(exports={})))
    assert isinstance(opened("--env", "dev", "--live").exception, UsageError)


def test_in_azure_the_client_is_the_persons(azure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psql.shutil, "which", lambda name: None)
    assert isinstance(opened("--env", "dev", "--live").exception, MachineError)
    assert not (azure / "said.az").exists()
