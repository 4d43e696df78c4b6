"""`ariel airflow`, `ariel dags reload`, `ariel dags delete`: Airflow's own ways, in the database of `ariel dev`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.prompt import Confirm

from cli import console, laptop
from cli.airflowctl import airflowctl
from cli.dags import dags_app
from cli.dags_local import Dag, full_id
from cli.dev import is_running
from cli.laptop_database import database
from cli.options import OwnTenant, Repository, Yes
from cli.platform import Platform
from cli.repository import TenantRepository, repository_at
from cli.session import open_session
from stacks.errors import ArielError, Problem, UsageError


class RemainsError(ArielError):
    """A DAG's remains cannot be deleted; its author reads why."""


def airflow_command(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="ARGUMENT...", help="As for `airflow`, with --env as for `airflowctl`, after --."),
    ],
    env: Annotated[str | None, typer.Option("--env", help="There, by its REST API, with your own rights.")] = None,
) -> None:
    """Airflow's own command: `airflow` in the database of `ariel dev`, `airflowctl` in an environment."""
    if env is not None:
        raise typer.Exit(airflowctl(open_session(env), arguments))
    raise typer.Exit(_in_database(repository_at(Path.cwd()), [sys.executable, "-m", "airflow", *arguments]))


@dags_app.command("reload")
def reload() -> None:
    """Have the `ariel dev` of this checkout parse every file now."""
    repository = repository_at(Path.cwd())
    if not is_running(repository):
        rule, action = "a running `ariel dev`", "start it; it parses every file at its start"
        raise UsageError([Problem(path=str(repository.root), value="nothing runs here", rule=rule, action=action)])
    raise typer.Exit(_in_database(repository, laptop.module("reload")))


@dags_app.command("delete")
def delete(
    dag: Dag,
    env: Annotated[str | None, typer.Option("--env", help="There instead of on this laptop.")] = None,
    tenant: OwnTenant = None,
    repository: Repository = Path("."),
    yes: Yes = False,
) -> None:
    """Delete what is left of a DAG that no file has any more: its runs, their results, its versions."""
    dag_id = full_id(tenant or repository_at(repository).tenant, dag)
    if not yes and not Confirm.ask(f"Delete all runs of {dag_id} in {env or 'this laptop'}?", console=console.err):
        raise typer.Abort
    if env is None:
        if status := _in_database(repository_at(repository), laptop.module("delete", dag_id)):
            raise typer.Exit(status)
    else:
        _delete_there(open_session(env).running_platform(), dag_id, env)
    console.out.print(f"nothing is left of {dag_id} in {env or 'this laptop'}", markup=False)


def _delete_there(platform: Platform, dag_id: str, env: str) -> None:
    """Raises RemainsError while a file there still has the DAG, PlatformError."""
    path = f"/api/v2/dags/{dag_id}/details"
    found = platform.call("GET", path, absent={})
    if not found.get("is_stale", False):
        value = "still parsed" if found else "not there"
        rule, action = f"a DAG that {env} knows and no file has any more", "deliver the repository without it first"
        raise RemainsError([Problem(path=dag_id, value=value, rule=rule, action=action)])
    # A file that broke gives no DAGs, so after a while Airflow calls them stale too.
    file = {"filename": found["relative_fileloc"], "bundle_name": found["bundle_name"]}
    if platform.call("GET", "/api/v2/importErrors", query=file)["total_entries"]:
        rule = f"a file that can be parsed, so that it can be told whether it still has {dag_id}"
        action = "deliver the file mended, or deliver the repository without it"
        raise RemainsError([Problem(path=str(found["relative_fileloc"]), value="broken", rule=rule, action=action)])
    answer = platform.answer("DELETE", f"/api/v2/dags/{dag_id}")
    if answer.status_code != httpx.codes.NO_CONTENT:
        rule, action = "no task of it runs, and you may delete it", "wait for its runs, or ask who may"
        value = f"{answer.status_code}: {answer.text[:300]}"
        raise RemainsError([Problem(path=dag_id, value=value, rule=rule, action=action)])


def _in_database(repository: TenantRepository, command: list[str]) -> int:
    """Status of the command, which speaks to the person itself."""
    with database(repository) as url:
        environment = laptop.environment(repository, url)
        return subprocess.run(command, env=environment, cwd=repository.root, check=False).returncode
