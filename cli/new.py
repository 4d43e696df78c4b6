"""`ariel new`: what a team begins with. Needs no stack and no platform."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.options import Tenant
from stacks import starter
from stacks.errors import MachineError, Problem, UsageError

new_app = typer.Typer(no_args_is_help=True, help="Make what a team begins with.")


@new_app.callback()
def _new() -> None:
    """Keeps `tenant-repo` a verb of its own."""


@new_app.command("tenant-repo")
def tenant_repository(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")], tenant: Tenant
) -> None:
    """Write a repository for a team's DAGs: an example with tests, checks and workflows."""
    _refuse_used(folder)
    starter.write(folder, tenant)
    files = sum(path.is_file() for path in folder.rglob("*"))
    state = "in a new git repository, not yet committed" if _begin_git(folder) else "without git, which is not on PATH"
    console.out.print(f"{files} files for {tenant} are in {folder}, {state}", markup=False)
    for command, purpose in (
        (f"cd {shlex.quote(str(folder))}", "its README.md says what is where"),
        ("make presubmit", "what a pull request must pass"),
        ("ariel dev", f"Airflow on this machine, with {tenant}.example"),
    ):
        console.out.print(f"  {command:<24} # {purpose}", markup=False)


def _refuse_used(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        rule, action = "a folder that is empty or not there yet", "name another one, or empty it"
        raise UsageError([Problem(path="FOLDER", value=str(folder), rule=rule, action=action)])


def _begin_git(folder: Path) -> bool:
    """With everything staged: the first commit is its author's. False where there is no git."""
    git = shutil.which("git")
    if git is None:
        return False
    for arguments in (("init", "--quiet", "--initial-branch=main"), ("add", "--all")):
        done = subprocess.run([git, "-C", folder, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = f"git {arguments[0]}: {done.stderr.strip()}"
            rule, action = "a repository of git, from version 2.28", "mend what git names, then run it by hand"
            raise MachineError([Problem(path=str(folder), value=said, rule=rule, action=action)])
    return True
