"""What a team's repository says of its secrets, and what tests of its connections found.

A task of the team writes it (`connections_dag`), the page `/ariel/secrets/` reads it. The task is the team's own code,
so the page takes nothing for granted: what has another shape is no report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

DAG: Final = ".connections"
"""Ends the id of the DAG; the tenant's slug begins it."""
REPORT: Final = "report"
"""Its task that returns a `Report`."""
TESTS: Final = "test"
"""Its task that returns a list of `Tested`."""
ASKED: Final = "connections"
"""Key of a run's configuration: ids of the connections to test."""

LONGEST_TEXT: Final = 500
MOST: Final = 5000
"""Entries of each kind. A longer report is none: the page of all teams is served by one process."""

Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Id = Annotated[str, StringConstraints(max_length=250)]
"""As long as Airflow's own ids may be."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Need(_Document):
    """A place that names something; `kind` as in `checks.named_in_source`."""

    file: Text
    line: int
    kind: Id
    id: Id
    optional: bool = False


class Puzzle(_Document):
    """A place that names something which only a run would tell."""

    file: Text
    line: int
    kind: Id
    text: Text


class Broken(_Document):
    """A file that cannot be read or imported."""

    file: Text
    text: Text


class Report(_Document):
    revision: Id
    """Commit of the repository."""
    named: Annotated[tuple[Need, ...], Field(max_length=MOST)]
    unknown: Annotated[tuple[Puzzle, ...], Field(max_length=MOST)]
    broken: Annotated[tuple[Broken, ...], Field(max_length=MOST)]
    connections: Annotated[Mapping[Id, Mapping[str, Any]], Field(max_length=MOST)]
    """As in connections.yaml: no secrets, but references to some."""
    groups: Annotated[Mapping[Id, tuple[Id, ...]], Field(max_length=MOST)]
    variables: Annotated[tuple[Id, ...], Field(max_length=MOST)]
    """Keys of the variables files."""
    environment: Annotated[tuple[tuple[Id, Id], ...], Field(max_length=MOST)]
    """Kind and id of what the pod's environment gives a task."""


class Tested(_Document):
    """One test of a connection, by its hook, as the identity of the tenant's tasks."""

    id: Id
    type: Id
    host: Text
    ok: bool
    text: Text
    """What the hook said; secrets in it are masked."""
    when: AwareDatetime
