"""What is known of a team's secrets, brought together: each once, where a task finds it, and which files name it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ariel_runtime.checks.finding import State
from ariel_runtime.checks.named_in_source import GROUP
from ariel_runtime.checks.secrets import Inventory
from ariel_runtime.identity import certificates
from ariel_runtime.plugins.secrets_known import Known
from ariel_runtime.secrets.desk import Entry
from ariel_runtime.secrets.names import Kind
from ariel_runtime.secrets.report import Need, Tested
from ariel_runtime.secrets.repository_files import CONNECTIONS, RepositoryFiles

MOST_PLACES: Final = 4
"""Shown of those that name one secret."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One secret, variable or connection of a team, by name."""

    kind: str
    id: str
    state: State
    place: str
    """Where a task finds it, or what to do where it does not."""
    type: str = ""
    entry: Entry | None = None
    named_in: tuple[str, ...] = ()
    test: Tested | None = None


def rows(known: Known) -> list[Row]:
    """By kind and id."""
    try:
        return _rows(known)
    except RecursionError:
        # A connection in the report is nested deeper than can be read.
        return _rows(replace(known, report=None))


def _rows(known: Known) -> list[Row]:
    inventory = _inventory(known)
    named = _named(known)
    there = {*inventory.vault, *inventory.environment, *inventory.database}
    there |= {(str(Kind.CONNECTION), each) for each in inventory.files.connections}
    there |= {(str(Kind.VARIABLE), each) for each in inventory.files.variables}
    found: dict[tuple[str, str], tuple[State, str]] = {}
    for key in sorted({*there, *named}):
        if key[0] == GROUP:
            found[key] = (State.MISSING, f"add the group to {CONNECTIONS}")
            continue
        for kind, name, state, place in inventory.judge(*key):
            if state is State.MISSING and key in named and all(each.optional for each in named[key]):
                state, place = State.THERE, "has a default"
            found.setdefault((kind, name), (state, place))
    entries = {(str(each.kind), each.id): each for each in known.entries}
    types = _types(known)
    return [
        Row(
            kind=key[0],
            id=key[1],
            state=state,
            place=place,
            type=types.get(key, ""),
            entry=entries.get(key),
            named_in=tuple(f"{each.file}:{each.line}" for each in named.get(key, ())),
            test=known.tests.get(key[1]) if key[0] == Kind.CONNECTION else None,
        )
        for key, (state, place) in sorted(found.items())
    ]


def _inventory(known: Known) -> Inventory:
    report, files = known.report, RepositoryFiles()
    if report:
        variables = dict.fromkeys(report.variables, "")
        files = RepositoryFiles(connections=report.connections, groups=report.groups, variables=variables)
    now = datetime.now(UTC)
    return Inventory(
        vault={
            (str(each.kind), each.id): each.enabled and (each.expires is None or each.expires > now)
            for each in known.entries
        },
        files=files,
        environment=set(report.environment) if report else set(),
        database=set(known.database),
        applications=certificates(known.tenant.environment),
    )


def _named(known: Known) -> dict[tuple[str, str], list[Need]]:
    """Kind and id -> places that name it, itself or by a group of connections; a group only where there is none."""
    found: dict[tuple[str, str], list[Need]] = {}
    for need in known.report.named if known.report else ():
        found.setdefault((need.kind, need.id), []).append(need)
    groups = known.report.groups if known.report else {}
    for key in [key for key in found if key[0] == GROUP and key[1] in groups]:
        places = found.pop(key)[:MOST_PLACES]
        for conn_id in groups[key[1]]:
            found.setdefault((str(Kind.CONNECTION), conn_id), []).extend(places)
    return found


def _types(known: Known) -> dict[tuple[str, str], str]:
    """Of connections, as who comes first in a task's search says."""
    in_files = known.report.connections if known.report else {}
    return {
        **known.database,
        **{(str(Kind.CONNECTION), each): str(in_files[each].get("conn_type", "")) for each in in_files},
        **{(str(each.kind), each.id): each.type for each in known.entries if each.type},
    }
