"""A team's repository as the folder it is checked out in: whose it is, and where its DAGs lie.

[tool.ariel]
tenant = "weather"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stacks.errors import Problem, UsageError

PROJECT_FILE: Final = "pyproject.toml"
_DAGS: Final = "dags"
_TABLE: Final = "[tool.ariel]"


@dataclass(frozen=True, kw_only=True)
class TenantRepository:
    root: Path
    """Absolute; what is delivered is this folder."""
    tenant: str
    """The team's slug, which begins the ids of its DAGs."""
    dags: Path


def find_repository(folder: Path) -> TenantRepository | None:
    """The repository that the folder lies in, if it does. Raises UsageError where that names no tenant."""
    start = folder.resolve()
    for root in (start, *start.parents):
        table = _table(root / PROJECT_FILE)
        if table is not None:
            return TenantRepository(root=root, tenant=_tenant(root / PROJECT_FILE, table), dags=root / _DAGS)
    return None


def repository_at(folder: Path) -> TenantRepository:
    """The same where there must be one. Raises UsageError."""
    if found := find_repository(folder):
        return found
    raise _wrong(
        str(folder.resolve()),
        "not in a team's repository",
        f"a folder of a checkout whose {PROJECT_FILE} has {_TABLE}",
        "go there, or make a repository by `ariel new tenant-repo`",
    )


def _table(file: Path) -> dict[str, Any] | None:
    """None where there is no such file, or nothing of ariel in it."""
    if not file.is_file():
        return None
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("ariel")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(str(file), str(error), "a file of TOML", "correct it") from None
    return found if isinstance(found, dict) else None


def _tenant(file: Path, table: dict[str, Any]) -> str:
    tenant = table.get("tenant")
    if not isinstance(tenant, str) or not tenant:
        rule, action = "the slug of the team, a text", f'write `tenant = "SLUG"` below {_TABLE}'
        raise _wrong(f"{file}: {_TABLE} tenant", str(tenant), rule, action)
    return tenant


def _wrong(path: str, value: str, rule: str, action: str) -> UsageError:
    return UsageError([Problem(path=path, value=value, rule=rule, action=action)])
