"""`ariel doctor`: what this machine lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.project import find_root


def doctor_command(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say what this machine has and lacks for the sandbox; exit 1 where something is missing."""
    from sandbox.doctor import examine

    findings = examine(find_root() or Path.cwd())
    if as_json:
        print(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        rows = [
            ("ok" if f.ok else "missing", f.name, f.found, "" if f.ok else f"{f.rule}: {f.action}") for f in findings
        ]
        console.out.print(console.table("this machine", ("", "what", "found", "what to do"), rows))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
