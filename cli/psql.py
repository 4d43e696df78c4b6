"""`ariel db psql`: the metadata database, as the person that one is."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import typer

from cli import console
from cli.options import Environment, Live
from cli.session import Session, open_session
from components.database import DATABASE_NAME
from sandbox.cluster.folder import ClusterFolder
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from sandbox.postgres.tree import ENVIRONMENT, HOME
from stacks.errors import MachineError, Problem, UsageError
from stacks.naming import Kind, Names

db_app = typer.Typer(no_args_is_help=True, help="Look into the metadata database.")
_TOKEN_HOURS: Final = 1
"""As Entra's own, about."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """To whom one signs in, and as whom."""

    host: str
    role: str
    token: str = field(repr=False)
    authority: str = "system"
    """File of who signed the server's certificate; `system` (psql 16 or newer): whom this machine trusts."""
    address: str | None = None
    """Of the host, where no name service knows it."""

    def environment(self) -> dict[str, str]:
        """The variables of libpq; a command line would show the token to others."""
        return {
            "PGHOST": self.host,
            **({"PGHOSTADDR": self.address} if self.address else {}),
            "PGDATABASE": DATABASE_NAME,
            "PGUSER": self.role,
            "PGPASSWORD": self.token,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": self.authority,
        }


@db_app.callback()
def _db() -> None:
    """Keeps `psql` a verb of its own."""


@db_app.command("psql")
def psql(env: Environment = "local", live: Live = False) -> None:
    """Open psql with a token of your own. Needs the platform role.

    In Azure: a member of the group of administrators who is signed in (`az login`), on a machine that reaches the
    platform's network. In the sandbox: whoever runs it. No password is stored or shown; the token lasts an hour.
    """
    session = open_session(env, live=live)
    program = shutil.which("psql")
    if live:
        if program is None:
            raise MachineError([_problem("psql", "not on PATH", "PostgreSQL's client, 16 or newer", "install it")])
        sign_in = in_azure(session)
    else:
        sign_in = in_sandbox(session)
    console.err.print(f"$ psql   (as {sign_in.role} on {sign_in.host})", markup=False)
    if program is None:
        raise typer.Exit(_by_the_sandboxs_own(session, sign_in))
    others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    raise typer.Exit(subprocess.run([program], env=others | sign_in.environment(), check=False).returncode)


def in_azure(session: Session) -> SignIn:
    """With the token of whom the Azure CLI knows. Raises UsageError, MachineError."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import AzureCliCredential

    session.prepare(cluster=False)
    platform = session.exports().get("platform")
    if platform is None:
        rule, action = "an environment that `ariel up --live` has made", "name another, or make it"
        raise UsageError([_problem("--env", session.stack, rule, action)])
    azure = session.settings.azure
    try:
        token = AzureCliCredential(tenant_id=azure.tenant_id).get_token(f"{POSTGRESQL_AUDIENCE}/.default").token
    except ClientAuthenticationError as refused:
        action = f"run `az login --tenant {azure.tenant_id}`"
        raise MachineError([_problem("az", refused.message, "somebody is signed in", action)]) from None
    return SignIn(host=platform["databaseHost"], role=azure.admin_group_name, token=token)


def in_sandbox(session: Session) -> SignIn:
    """With a token of that group by the emulated Entra, whose key lies in the sandbox. Raises UsageError."""
    settings = session.settings
    servers = session.sandbox.databases()
    name = Names(organisation=settings.organisation, stack=settings.stack).of(Kind.DATABASE_SERVER)
    server = servers.server(name).description() if servers else None
    if server is None or not server.made:
        rule, action = "a sandbox that has a database", f"run `ariel up --stack {session.stack}`"
        raise UsageError([_problem("--env", session.stack, rule, action)])
    token = TokenAuthority(session.sandbox.paths.root / "entra").issue(
        tenant_id=settings.azure.tenant_id,
        object_id=settings.azure.admin_group_id,
        client_id=str(uuid.uuid4()),
        audience=POSTGRESQL_AUDIENCE,
        lifetime=timedelta(hours=_TOKEN_HOURS),
    )
    return SignIn(
        host=server.host,
        address=server.address,
        role=settings.azure.admin_group_name,
        token=token,
        authority=str(ClusterFolder(session.sandbox.paths.cluster).authority),
    )


def _by_the_sandboxs_own(session: Session, sign_in: SignIn) -> int:
    """Status of the psql beside the sandbox's servers, which sees one folder of this machine and is another user."""
    servers = session.sandbox.databases()
    assert servers is not None
    folder = session.sandbox.paths.root / "psql"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    certificate = Path(shutil.copyfile(sign_in.authority, folder / "ca.crt"))
    certificate.chmod(0o644)
    inside = {"PGSSLROOTCERT": f"{HOME}/ca.crt", "PAGER": "", "PSQL_HISTORY": os.devnull}
    environment = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb"), **sign_in.environment(), **inside}
    return subprocess.run(servers.tree.command(folder, "psql"), env=environment, check=False).returncode


def _problem(path: str, value: str, rule: str, action: str) -> Problem:
    return Problem(path=path, value=value, rule=rule, action=action)
