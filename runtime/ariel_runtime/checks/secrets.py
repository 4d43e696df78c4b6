"""`python -m ariel_runtime.checks.secrets REPOSITORY DAGS < INVENTORY`: whether what the DAGs name is there.

INVENTORY is what an environment has, as JSON, names only:
    {"environment": "dev", "vault": [{"kind", "id", "usable"}], "database": [{"kind", "id"}],
     "applications": {name: id of the secret that is its certificate, or null}}
Prints one JSON document: {"findings": [{file, line, kind, id, state, reason}]}, states as in `State`. DAG files are the
author's code: run this in a process that may be lost. It guards against accidents, not against malice.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ariel_runtime.checks.named_in_source import APPLICATION, GROUP
from ariel_runtime.checks.needs import Document, needs
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind
from ariel_runtime.secrets.repository_files import CONNECTIONS, RepositoryFiles, read

_PROVIDER: Final = re.compile(r"No module named 'airflow\.providers\.")
"""The image has providers that this environment may lack."""


class State(StrEnum):
    THERE = "there"
    MISSING = "missing"
    UNKNOWN = "cannot tell"
    """Only a run would say what is named there."""
    BROKEN = "broken"
    """The file cannot be read or imported."""


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    file: str
    line: int
    kind: str
    id: str
    state: State
    reason: str


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What an environment has, by (kind, id), in the order in which a task asks."""

    vault: Mapping[tuple[str, str], bool]
    """Whether the secret can be used: it is neither disabled nor expired."""
    files: RepositoryFiles
    environment: Set[tuple[str, str]] = frozenset()
    """What the pod of a task is given beside the platform's connections; nobody outside knows it."""
    database: Set[tuple[str, str]]
    applications: Mapping[str, str | None] = field(default_factory=dict)
    """Of the tenant -> id of the secret that is its certificate; None where it is federated."""

    def judge(self, kind: str, name: str) -> Iterator[tuple[str, str, State, str]]:
        """Kind, id, state and reason of that name, and of the secrets that it needs itself."""
        key = (kind, name)
        if kind == APPLICATION:
            yield from self._application(name)
        elif key in self.vault:
            if self.vault[key]:
                yield kind, name, State.THERE, "the vault"
            else:
                yield kind, name, State.MISSING, f"disabled or expired: `ariel secrets set {kind} {name}`"
        elif kind == Kind.CONNECTION and name in self.files.connections:
            yield kind, name, State.THERE, CONNECTIONS
            for secret in self.files.references(name):
                yield from self.judge(str(Kind.SECRET), secret)
        elif kind == Kind.VARIABLE and name in self.files.variables:
            yield kind, name, State.THERE, "the repository's variables"
        elif kind == Kind.CONNECTION and name in PLATFORM_CONNECTIONS:
            yield kind, name, State.THERE, "the platform"
        elif key in self.environment:
            yield kind, name, State.THERE, "the pod's environment"
        elif key in self.database:
            yield kind, name, State.THERE, "Airflow's database"
        else:
            yield kind, name, State.MISSING, f"`ariel secrets set {kind} {name}`"

    def _application(self, name: str) -> Iterator[tuple[str, str, State, str]]:
        if name not in self.applications:
            yield (
                APPLICATION,
                name,
                State.MISSING,
                "name it under `applications` in the tenant's block of the stack file",
            )
            return
        yield APPLICATION, name, State.THERE, "the stack file"
        if (certificate := self.applications[name]) is not None:
            yield from self.judge(str(Kind.SECRET), certificate)


def judge(found: Document, inventory: Inventory) -> list[Finding]:
    """Each place once."""
    return sorted({*_named(found, inventory), *_not_known(found)})


def _named(found: Document, inventory: Inventory) -> Iterator[Finding]:
    for each in found["named"]:
        place = {"file": each["file"], "line": each["line"]}
        wanted = [(each["kind"], each["id"])]
        if each["kind"] == GROUP:
            wanted = [(str(Kind.CONNECTION), conn_id) for conn_id in inventory.files.groups.get(each["id"], ())]
            if each["id"] not in inventory.files.groups:
                reason = f"add the group to {CONNECTIONS}"
                yield Finding(**place, kind=GROUP, id=each["id"], state=State.MISSING, reason=reason)
        for key in wanted:
            for kind, name, state, reason in inventory.judge(*key):
                if state is State.MISSING and each["optional"]:
                    state, reason = State.THERE, "has a default"
                yield Finding(**place, kind=kind, id=name, state=state, reason=reason)


def _not_known(found: Document) -> Iterator[Finding]:
    for each in found["unknown"]:
        reason = "write the name as a text, or list it in a group"
        kind, text = each["kind"], each["text"]
        yield Finding(file=each["file"], line=each["line"], kind=kind, id=text, state=State.UNKNOWN, reason=reason)
    for each in found["broken"]:
        text = each["text"].strip()
        state = State.BROKEN
        if _PROVIDER.search(text):
            state, text = State.UNKNOWN, f"{text.splitlines()[-1]}: judged by its text only"
        yield Finding(file=each["file"], line=1, kind="file", id="", state=state, reason=text)


def check(root: Path, dags: Path, asked: Mapping[str, Any]) -> list[Finding]:
    """Judges a checkout by the inventory of an environment."""
    vault = {(each["kind"], each["id"]): each["usable"] for each in asked["vault"]}
    database = {(each["kind"], each["id"]) for each in asked["database"]}
    try:
        files = read(root, asked["environment"])
    except RefusedError as refused:
        files = RepositoryFiles()
        wrong = [Finding(file=CONNECTIONS, line=1, kind="file", id="", state=State.BROKEN, reason=str(refused))]
    else:
        wrong = []
    inventory = Inventory(vault=vault, files=files, database=database, applications=asked["applications"])
    return [*wrong, *judge(needs(root, dags), inventory)]


def main(root: str, dags: str) -> None:
    asked = json.load(sys.stdin)
    # Authors' code may print, and so may programs that it starts; the document stands alone.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        findings = check(Path(root).resolve(), Path(dags).resolve(), asked)
        json.dump({"findings": [asdict(each) for each in findings]}, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
