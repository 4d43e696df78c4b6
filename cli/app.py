"""The verbs of `ariel`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.prompt import Confirm

from cli import console, tables
from cli.airflow_command import airflow_command
from cli.dags_local import dags_app
from cli.dev import dev_command
from cli.doctor import doctor_command
from cli.images import images_app
from cli.kubectl import sandbox_kubeconfig
from cli.new import new_app
from cli.operators import operators_app
from cli.options import AsJson, Context, Kubeconfig, Live, Refresh, Stack, Target, Yes
from cli.plan import Plan
from cli.promotion import promote, rollback
from cli.psql import db_app
from cli.secrets import secrets_app
from cli.session import Session, open_session
from cli.shell import shell_command
from cli.smoke import smoke_command
from cli.tenants import tenant_app
from cli.webhook import webhook_app
from stacks.errors import ArielError, Problem, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(tenant_app, name="tenant")
app.add_typer(dags_app, name="dags")
dags_app.command("promote")(promote)
dags_app.command("rollback")(rollback)
app.add_typer(db_app, name="db")
app.add_typer(images_app, name="images")
app.add_typer(new_app, name="new")
app.add_typer(operators_app, name="operators")
app.add_typer(secrets_app, name="secrets")
app.add_typer(webhook_app, name="webhook")
app.command("airflow", context_settings={"ignore_unknown_options": True})(airflow_command)
app.command("dev")(dev_command)
app.command("doctor")(doctor_command)
app.command("shell")(shell_command)
app.command("smoke")(smoke_command)


def run() -> int:
    """Runs the command; 0 done, 1 refused or failed, 2 wrong usage."""
    try:
        app()
    except UsageError as error:
        console.show_error(error)
        return 2
    except ArielError as error:
        console.show_error(error)
        return 1
    except EOFError:
        console.err.print("nobody answered the question, so nothing was done; --yes answers it")
        return 1
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


@app.command()
def preview(
    stack: Stack = "local",
    as_json: AsJson = False,
    live: Live = False,
    target: Target = None,
    refresh: Refresh = False,
) -> None:
    """Say what `up` would do, and do nothing."""
    session = open_session(stack, live=live)
    session.prepare(cluster=False)
    plan = session.preview(_options(target, refresh))
    _show(plan, session, "would change", as_json)


@app.command()
def up(
    stack: Stack = "local",
    as_json: AsJson = False,
    live: Live = False,
    target: Target = None,
    refresh: Refresh = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Make the environment as its stack file says."""
    session = open_session(stack, live=live)
    session.choose_cluster(kubeconfig, context)
    session.prepare(cluster=True)
    plan = session.up(_options(target, refresh))
    _show(plan, session, "changed", as_json)
    session.diagnose()
    if not as_json:
        for table in tables.of_environment(session.exports()):
            console.out.print(table)
        console.out.print(tables.next_steps(session))


@app.command()
def destroy(stack: Stack = "local", as_json: AsJson = False, live: Live = False, yes: Yes = False) -> None:
    """Delete everything that the stack has made."""
    session = open_session(stack, live=live)
    if live and not yes and not Confirm.ask(f"Delete everything of {stack} in Azure?", console=console.err):
        raise typer.Abort
    session.prepare(cluster=True)
    plan = session.destroy()
    _show(plan, session, "deleted", as_json)


@app.command()
def down(stack: Stack = "local") -> None:
    """Stop the stack's sandbox; its data stays."""
    session = open_session(stack)
    session.sandbox.stop(console.ProgressReport())
    console.out.print(f"the sandbox of {stack} is stopped; `ariel up --stack {stack}` resumes it")


@app.command()
def reset(stack: Stack = "local", yes: Yes = False) -> None:
    """Stop the stack's sandbox and remove all of its data, also from a cluster that is not its own."""
    session = open_session(stack)
    also = ", and all that the stack has made in its cluster" if session.sandbox.chosen else ""
    asked = f"Remove all data of the sandbox of {stack}{also}?"
    if not yes and not Confirm.ask(asked, console=console.err, default=False):
        raise typer.Abort
    session.wipe()
    console.out.print(f"the sandbox of {stack} is gone; `ariel up --stack {stack}` makes a new one")


@app.command()
def status(stack: Stack = "local", as_json: AsJson = False) -> None:
    """Show what runs, and the tenants."""
    found = open_session(stack).status()
    if as_json:
        _print_json(found)
        return
    console.out.print(tables.of_components(found["components"]))
    console.out.print(tables.of_tenants(found["tenants"]))


@app.command()
def kubeconfig(stack: Stack = "local") -> None:
    """Print the path of the kubeconfig of the stack's sandbox cluster."""
    print(sandbox_kubeconfig(open_session(stack)))


@app.command()
def path(tool: Annotated[str, typer.Argument(help="pulumi, kubectl, helm, ...")]) -> None:
    """Print where a tool of the tool chain stands; it is fetched or built where it is missing."""
    print(_ensured(tool))


def _ensured(tool: str) -> Path:
    from sandbox import toolchain

    if tool not in toolchain.TOOLS:
        raise UsageError(
            [
                Problem(
                    path="TOOL",
                    value=tool,
                    rule=f"one of {', '.join(sorted(toolchain.TOOLS))}",
                    action="give one of these names",
                )
            ]
        )
    return toolchain.ensure([tool], console.ProgressReport())[tool]


def _show(plan: Plan, session: Session, verb: str, as_json: bool) -> None:
    for warning in plan.warnings:
        console.err.print(f"note: {warning}", markup=False)
    if as_json:
        _print_json(plan.as_json())
        return
    changed = tables.of_changes(plan)
    if changed is None:
        console.out.print(f"nothing {verb}: {session.stack} is as its stack file says ({len(plan.steps)} resources)")
    else:
        console.out.print(changed)


def _options(target: list[str] | None, refresh: bool) -> dict[str, Any]:
    """What the Automation API takes, without what was not asked for."""
    return ({"target": target} if target else {}) | ({"refresh": True} if refresh else {})


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))
