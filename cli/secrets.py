"""`ariel secrets`: a team's secrets, through the platform's API server: the vault itself has a private address only."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import checks, console, secrets_file, tables
from cli.dags import check
from cli.options import AsJson, Environment, Repository, Tenant
from cli.platform import Platform
from cli.secrets_file import Kind
from cli.session import open_session
from stacks.errors import Problem, UsageError

secrets_app = typer.Typer(no_args_is_help=True, help="See and set a team's secrets; no verb shows a value.")
secrets_app.command("check")(check)


@secrets_app.command("list")
def list_secrets(tenant: Tenant, env: Environment = "local", as_json: AsJson = False) -> None:
    """Show which secrets the team has in its vault: names, ages, and which of its files name them."""
    found = open_session(env).running_platform().call("GET", f"/ariel/secrets/{tenant}")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    console.out.print(tables.of_secrets(found, datetime.now(UTC)))


@secrets_app.command("set")
def set_secret(
    kind: Annotated[Kind, typer.Argument(help="What it is; a connection is a URI or JSON.")],
    secret_id: Annotated[str, typer.Argument(metavar="ID", help="As the DAG names it.")],
    tenant: Tenant,
    env: Environment = "local",
    file: Annotated[Path | None, typer.Option(help="Take the value from this file, as it is.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="UTC; tasks are refused it from then on.")] = None,
) -> None:
    """Set a secret, from --file, else from standard input, else asked for. Never from the command line."""
    platform = open_session(env).running_platform()
    _set(platform, tenant, kind, secret_id, _value(secret_id, file), expires)


@secrets_app.command("template")
def write_template(
    tenant: Tenant,
    env: Environment = "local",
    repository: Repository = Path("."),
    file: Annotated[Path | None, typer.Option(help="Write it there; without, to standard output.")] = None,
) -> None:
    """Write the file that lists what the team's DAGs still miss there, for `import` to take once it is filled."""
    session = open_session(env)
    asked = checks.Asked(checks=[checks.SECRETS])
    subject, platform = checks.subject_in(session, repository, tenant), session.running_platform()
    found = checks.check(subject, asked, platform, env).findings
    text = secrets_file.template(found, session.settings.tenants[tenant].owner, env)
    if file is None:
        print(text, end="")
    else:
        file.write_text(text, encoding="utf-8")


@secrets_app.command("import")
def import_secrets(
    file: Annotated[Path, typer.Argument(help="As `ariel secrets template` writes it; values by reference.")],
    tenant: Tenant,
    env: Environment = "local",
) -> None:
    """Set every secret of the file that has a value and is wanted in that environment."""
    listed = secrets_file.load(file)
    values = secrets_file.values(listed, file, env)
    platform = open_session(env).running_platform()
    for entry, value in values.items():
        _set(platform, tenant, entry.kind, entry.id, value)
    console.out.print(f"{len(values)} of {len(listed.secrets)} secrets of {file} are set in {env}")


def _set(
    platform: Platform, tenant: str, kind: Kind, secret_id: str, value: str, expires: datetime | None = None
) -> None:
    body: dict[str, Any] = {"kind": kind, "id": secret_id, "value": value}
    if expires is not None:
        body["expires"] = expires.replace(tzinfo=UTC).isoformat()
    entry = platform.call("PUT", f"/ariel/secrets/{tenant}", body=body)
    console.out.print(
        f"{entry['kind']} {entry['id']} of {tenant} is set ({entry['name']} in its vault); "
        "tasks that begin from now on see it",
        markup=False,
    )


def _value(secret_id: str, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise _usage("--file", str(file), f"a file of text ({type(error).__name__})", "name another file") from None
    if not sys.stdin.isatty():
        # A shell ends what it writes with a line end of its own.
        return sys.stdin.read().removesuffix("\n")
    value: str = typer.prompt(f"value of {secret_id}", hide_input=True, confirmation_prompt=True, err=True)
    return value


def _usage(path: str, value: str, rule: str, action: str) -> UsageError:
    return UsageError([Problem(path=path, value=value, rule=rule, action=action)])
