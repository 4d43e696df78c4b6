"""What a team's repository says of its secrets, and what tests of its connections found.

A task of the team writes it (`connections_dag`), the page `/ariel/secrets/` reads it. The task is the team's own code,
so the page takes nothing for granted: what has another shape is no report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from ariel_runtime.checks.named_in_source import Named, Unknown

DAG: Final = ".connections"
"""Ends the id of the DAG; the tenant's slug begins it."""
REPORT: Final = "report"
"""Its task that returns a `Report`."""
TESTS: Final = "test"
"""Its task that returns a list of `Tested`."""
ASKED: Final = "connections"
"""Key of a run's configuration: ids of the connections to test."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Broken(_Document):
    """A file that cannot be read or imported."""

    file: str
    text: str


class Report(_Document):
    revision: str
    """Commit of the repository."""
    named: tuple[Named, ...]
    unknown: tuple[Unknown, ...]
    broken: tuple[Broken, ...]
    connections: Mapping[str, Mapping[str, Any]]
    """As in connections.yaml: no secrets, but references to some."""
    groups: Mapping[str, tuple[str, ...]]
    variables: tuple[str, ...]
    """Keys of the variables files."""
    environment: tuple[tuple[str, str], ...]
    """Kind and id of what the pod's environment gives a task."""


class Tested(_Document):
    """One test of a connection, by its hook, as the identity of the tenant's tasks."""

    id: str
    type: str
    host: str
    ok: bool
    text: str
    """What the hook said; secrets in it are masked."""
    when: AwareDatetime
