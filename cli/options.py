"""Options that more than one verb takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.repository import repository_at

Stack = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack: Pulumi.<name>.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, messages on stderr.")]
Live = Annotated[bool, typer.Option("--live", help="On the real Azure; without it, on the sandbox's emulated one.")]
Target = Annotated[list[str] | None, typer.Option("--target", help="URN to work on; may be given more than once.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Look at everything first, so that drift is repaired.")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(help="At the first start: live in the cluster of this file (kind, k3d) instead of an own one."),
]
Context = Annotated[str | None, typer.Option(help="Which context of --kubeconfig; by default its current one.")]
Environment = Annotated[str, typer.Option("--env", "--stack", "-s", help="The environment: Pulumi.<name>.yaml.")]
Tenant = Annotated[
    str,
    typer.Option(
        "--tenant",
        "-t",
        help="Slug of the team; in its repository that of the repository.",
        default_factory=lambda: repository_at(Path.cwd()).tenant,
        show_default=False,
    ),
]
OwnTenant = Annotated[str | None, typer.Option("--tenant", "-t", help="Slug of the team; else the repository says it.")]
Repository = Annotated[Path, typer.Option(help="The team's repository, checked out.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
