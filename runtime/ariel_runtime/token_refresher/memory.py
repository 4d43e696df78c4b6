"""What the sidecar knew, for its own restart: without it a new process would write a configuration that lacks all
aliases whose tokens it has not fetched yet, and PgBouncer would cut their clients.

Stands beside PgBouncer's files, in memory and for one user, and ends with the pod.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ariel_runtime.registry import Role
from ariel_runtime.token_refresher import files
from ariel_runtime.tokens import Token

NAME: Final = "refresher.json"


def remember(folder: Path, roles: Iterable[Role], tokens: Mapping[str, Token]) -> None:
    """Raises OSError, and then the former memory stands."""
    known = {
        "roles": [asdict(role) for role in roles],
        "tokens": {role: asdict(token) for role, token in tokens.items()},
    }
    files.write(folder, {NAME: json.dumps(known)})


def recall(folder: Path) -> tuple[list[Role], dict[str, Token]]:
    """Roles, and their tokens by name; nothing where there is no memory, or another version's."""
    try:
        known = json.loads((folder / NAME).read_text())
        roles = [Role(**role) for role in known["roles"]]
        return roles, {role: Token(**token) for role, token in known["tokens"].items()}
    except (OSError, ValueError, TypeError, KeyError):
        return [], {}
