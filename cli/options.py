"""Options that more than one verb takes."""

from __future__ import annotations

from typing import Annotated

import typer

Stack = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack: Pulumi.<name>.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, messages on stderr.")]
Live = Annotated[bool, typer.Option("--live", help="On the real Azure; without it, on the sandbox's emulated one.")]
Target = Annotated[list[str] | None, typer.Option("--target", help="URN to work on; may be given more than once.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look at everything first, so that drift is repaired.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
