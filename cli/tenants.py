"""`ariel tenant`: the tenants of a stack file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.options import AsJson, Stack
from cli.session import open_session
from cli.workspace import stack_file
from stacks import edit

tenant_app = typer.Typer(no_args_is_help=True, help="List, add and remove tenants in a stack file.")


@tenant_app.command("list")
def list_tenants(stack: Stack = "local", as_json: AsJson = False) -> None:
    """Show the tenants of the stack file, deployed or not."""
    tenants = edit.list_tenants(_file(stack))
    if as_json:
        print(json.dumps({slug: tenant.model_dump(mode="json", by_alias=True) for slug, tenant in tenants.items()}))
        return
    rows = [(slug, tenant.owner, tenant.repository.url, tenant.repository.branch) for slug, tenant in tenants.items()]
    console.out.print(console.table(f"tenants of {stack}", ("tenant", "owner", "repository", "branch"), rows))


@tenant_app.command("add")
def add_tenant(
    slug: Annotated[str, typer.Argument(help="Lower case, 3 to 20 characters; for good.")],
    owner: Annotated[str, typer.Option(help="Mail address of the responsible person.")],
    group_id: Annotated[str, typer.Option(help="Object id of the team's Entra group.")],
    repository: Annotated[str, typer.Option(help="URL of the DAG repository.")],
    stack: Stack = "local",
    path: Annotated[
        str, typer.Option(help="Folder of it that is delivered; all of what `ariel new tenant-repo` made.")
    ] = edit.WHOLE,
) -> None:
    """Write one more block into the stack file, if the file stays valid with it."""
    block = edit.skeleton(owner=owner, group_id=group_id, url=repository, path=path)
    edit.add_tenant(_file(stack), slug, block)
    console.out.print(f"{slug} is in {_file(stack).name}; `ariel preview --stack {stack}` shows what it adds")


@tenant_app.command("remove")
def remove_tenant(slug: str, stack: Stack = "local") -> None:
    """Take a tenant's block out of the stack file."""
    edit.remove_tenant(_file(stack), slug)
    console.out.print(f"{slug} is out of {_file(stack).name}; `ariel preview --stack {stack}` shows what goes")
    console.out.print("the history of its runs stays in Airflow: docs/security.md, `A tenant that leaves`")


def _file(stack: str) -> Path:
    return stack_file(open_session(stack).root, stack)
