"""Whether every connection, variable and secret that the DAGs name is in an environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ariel_runtime.checks.finding import Finding, State
from ariel_runtime.checks.named_in_source import APPLICATION, GROUP
from ariel_runtime.checks.needs import Document, needs_of
from ariel_runtime.refusal import RefusedError
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind
from ariel_runtime.secrets.repository_files import CONNECTIONS, RepositoryFiles, read

if TYPE_CHECKING:
    from ariel_runtime.checks.parsing import ParsedFile

CHECK: Final = "secrets"


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
        place = each["file"], each["line"]
        wanted = [(each["kind"], each["id"])]
        if each["kind"] == GROUP:
            wanted = [(str(Kind.CONNECTION), conn_id) for conn_id in inventory.files.groups.get(each["id"], ())]
            if each["id"] not in inventory.files.groups:
                reason = f"add the group to {CONNECTIONS}"
                yield _finding(*place, GROUP, each["id"], State.MISSING, reason)
        for key in wanted:
            for kind, name, state, reason in inventory.judge(*key):
                if state is State.MISSING and each["optional"]:
                    state, reason = State.THERE, "has a default"
                yield _finding(*place, kind, name, state, reason)


def _not_known(found: Document) -> Iterator[Finding]:
    for each in found["unknown"]:
        reason = "write the name as a text, or list it in a group"
        yield _finding(each["file"], each["line"], each["kind"], each["text"], State.UNKNOWN, reason)


def _finding(file: str, line: int, kind: str, name: str, state: State, reason: str) -> Finding:
    return Finding(check=CHECK, file=file, line=line, kind=kind, id=name, state=state, reason=reason)


def findings(root: Path, parsed: Sequence[ParsedFile], asked: Mapping[str, Any]) -> list[Finding]:
    """`asked` is what an environment has, names only:

    {"environment": "dev", "vault": [{"kind", "id", "usable"}], "database": [{"kind", "id"}],
     "applications": {name: id of the secret that is its certificate, or null}}
    """
    vault = {(each["kind"], each["id"]): each["usable"] for each in asked["vault"]}
    database = {(each["kind"], each["id"]) for each in asked["database"]}
    try:
        files = read(root, asked["environment"])
    except RefusedError as refused:
        files = RepositoryFiles()
        wrong = [_finding(CONNECTIONS, 1, "file", "", State.BROKEN, str(refused))]
    else:
        wrong = []
    inventory = Inventory(vault=vault, files=files, database=database, applications=asked["applications"])
    named = frozenset(name for file in parsed for name in file.named)
    return [*wrong, *judge(needs_of(root, named, {}), inventory)]
