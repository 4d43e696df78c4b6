"""The repository with which a team begins: a copy of `dags/starter/`, in which SLUG stands for the team's slug.

`ariel new tenant-repo` writes it; so does whoever plays a tenant's git host. Owns its writing, not its content.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from stacks.errors import UsageError
from stacks.model import Model
from stacks.rules.tenants import free_slug
from stacks.tenant import Slug
from stacks.wording import problem_of

STARTER: Final = Path(__file__).resolve().parents[1] / "dags" / "starter"
PLACEHOLDER: Final = "SLUG"
_LEFT_BY_TOOLS: Final = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ariel")


class _Team(Model):
    tenant: Slug


def write(folder: Path, slug: str) -> None:
    """Into a folder that is empty or not there. Raises UsageError for a slug that no tenant may have."""
    _refuse(slug)
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns(*_LEFT_BY_TOOLS), dirs_exist_ok=True)
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_text(file.read_text(encoding="utf-8").replace(PLACEHOLDER, slug), encoding="utf-8")


def _refuse(slug: str) -> None:
    try:
        _Team(tenant=slug)
    except ValidationError as error:
        raise UsageError([problem_of(each, lambda _: ()) for each in error.errors()]) from None
    if problems := list(free_slug("tenant", slug)):
        raise UsageError(problems)
