"""Who looks up a variable or a connection while a DAG file is parsed, with file and line.

`WhileParsing` is the `[workers] secrets_backend` of the DAG processor. Airflow asks it first; it holds nothing, so the
look-up goes on as without it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, KeysView
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow.secrets import BaseSecretsBackend

from ariel_runtime.refusal import Problem
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind

_LISTENERS: Final[list[Callable[[Kind, str], None]]] = []


@dataclass(frozen=True, kw_only=True)
class LookUp:
    place: str
    """`file:line`, relative to the bundle's folder."""
    kind: Kind
    identifier: str

    def problem(self) -> Problem:
        name = f".{self.identifier}" if self.identifier.isidentifier() else f".get({self.identifier!r})"
        template = f"var.value{name}" if self.kind is Kind.VARIABLE else f"conn{name}.host"
        return Problem(
            path=f"{self.place}, {self.kind}",
            value=self.identifier,
            rule="looked up by a running task: while a file is parsed there are no variables and no connections",
            action=f"move it into a task, or use a template such as {{{{ {template} }}}}",
        )


class WhileParsing(BaseSecretsBackend):
    """Tells `noting` of each look-up, but for those of the platform's own connections."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> None:
        if conn_id not in PLATFORM_CONNECTIONS:
            _tell(Kind.CONNECTION, conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> None:
        _tell(Kind.VARIABLE, key)


@contextmanager
def noting(bundle: Path) -> Iterator[KeysView[LookUp]]:
    """Each look-up within the block by code below the folder, once; not those that Airflow makes for itself."""
    found: dict[LookUp, None] = {}

    def note(kind: Kind, identifier: str) -> None:
        if place := _place(bundle):
            # Airflow checks no type, and takes `Variable.get(7)`.
            found[LookUp(place=place, kind=kind, identifier=str(identifier))] = None

    _LISTENERS.append(note)
    try:
        yield found.keys()
    finally:
        _LISTENERS.remove(note)


def _tell(kind: Kind, identifier: str) -> None:
    for listener in _LISTENERS:
        listener(kind, identifier)


def _place(bundle: Path) -> str | None:
    """Of the innermost line that is being run and lies below the folder."""
    for frame, line in traceback.walk_stack(None):
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(bundle):
            return f"{file.relative_to(bundle)}:{line}"
    return None
