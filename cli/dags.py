"""`ariel dags`: a team's repository, looked at before it is merged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import typer

from cli import checks, console, tables
from cli.options import AsJson, Environment, Repository, Tenant
from cli.session import open_session

dags_app = typer.Typer(no_args_is_help=True, help="Look at a team's DAGs before they are merged.")


@dags_app.command("check")
def check(
    tenant: Tenant, env: Environment = "local", repository: Repository = Path("."), as_json: AsJson = False
) -> None:
    """Tell whether every connection, variable and secret that the DAGs name is in that environment.

    Exits with 1 where one is missing or a file is broken. Under GitHub Actions each becomes an annotation.
    """
    findings = checks.find(open_session(env), tenant, repository)
    if as_json:
        print(json.dumps({"findings": findings}, indent=2))
    else:
        console.out.print(tables.of_findings(findings, env))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for annotation in checks.workflow_commands(findings):
            console.err.print(annotation, markup=False)
    if any(each["state"] in checks.BAD for each in findings):
        raise typer.Exit(1)
