"""`ariel operators run`: one operator by itself, on this laptop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import laptop
from cli.dags_local import one_process
from cli.repository import repository_at
from stacks.errors import Problem, UsageError

operators_app = typer.Typer(no_args_is_help=True, help="Run a team's operators one by one.")


@operators_app.callback()
def _operators() -> None:
    """Keeps `run` a verb of its own."""


@operators_app.command("run")
def run_operator(
    operator: Annotated[str, typer.Argument(help="module:Class, such as operators.ingest:IngestOperator.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Its arguments, as JSON or text."),
    ] = None,
) -> None:
    """Run one operator as the only task of a run in one process. Exits with 1 where it fails."""
    given = json.dumps(dict(map(_argument, arguments or [])))
    raise typer.Exit(one_process(repository_at(Path.cwd()), laptop.module("operator", operator), given))


def _argument(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        rule, action = "KEY=VALUE, with the name of an argument", "write such as bash_command='echo {{ ds }}'"
        raise UsageError([Problem(path="KEY=VALUE", value=key, rule=rule, action=action)])
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
