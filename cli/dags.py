"""`ariel dags`: a team's repository, looked at before it is merged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cli import check_tables, checks, console
from cli.options import AsJson, OwnTenant, Repository
from cli.session import open_session
from stacks.errors import Problem, UsageError

dags_app = typer.Typer(no_args_is_help=True, help="Look at a team's DAGs before they are merged.")


@dags_app.command("check")
def check(
    tenant: OwnTenant = None,
    env: Annotated[str | None, typer.Option("--env", "--stack", "-s", help="The environment; `local` if none.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no environment, so not of secrets and runs.")] = False,
    repository: Repository = Path("."),
    base: Annotated[str | None, typer.Option(help="Revision to compare with; else where the branch began.")] = None,
    deployed: Annotated[bool, typer.Option("--deployed", help="Compare with what the environment has now.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Name of a check; may be given more than once.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Name of a check to leave out; as --only.")] = None,
    python: Annotated[str | None, typer.Option(help="Interpreter with Airflow and ariel's runtime.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what would go wrong with a team's repository once it is merged, and which runs in flight it would break.

    Exits with 1 where something would. Under GitHub Actions each finding becomes an annotation.
    """
    if offline and (env or deployed):
        given = "--env" if env else "--deployed"
        rule = "nothing that an environment would have to answer"
        raise UsageError([Problem(path="--offline", value=f"with {given}", rule=rule, action="leave one of them out")])
    asked = checks.Asked(checks=checks.chosen(only or (), skip or ()), base=base, deployed=deployed, python=python)
    if offline:
        report = checks.check(checks.subject_alone(repository, tenant), asked, None)
    else:
        session = open_session(env or "local")
        subject = checks.subject_in(session, repository, tenant)
        report = checks.check(subject, asked, session.running_platform(), session.stack)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        for each in check_tables.of_report(report, asked.checks, None if offline else session.stack):
            console.out.print(each)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for annotation in checks.workflow_commands(report.findings):
            console.err.print(annotation, markup=False)
    if report.bad:
        raise typer.Exit(1)
