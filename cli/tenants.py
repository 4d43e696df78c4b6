"""`ariel tenant`: the tenants of a stack file."""

from __future__ import annotations

import typer

tenant_app = typer.Typer(no_args_is_help=True, help="List, add and remove tenants in a stack file.")
