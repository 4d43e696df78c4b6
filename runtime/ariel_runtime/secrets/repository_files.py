"""What a team keeps in its repository beside the DAGs: connections without their secrets, and variables.

    connections.yaml             connections: {id: {conn_type, host, login, password: {secret: id}, extra: {...}}}
                                 groups: {name: [connection id, ...]}
    variables.yaml               {key: value}
    variables.<environment>.yaml the same, for one environment; stands before the other

A task reads the newest revision, not the one that its run is pinned to: a connection that is added serves the next
task. `{secret: id}` in the place of a text is a plain secret of the team's.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key

from ariel_runtime.git import git
from ariel_runtime.refusal import Problem, RefusedError

CONNECTIONS: Final = "connections.yaml"
_FIELDS: Final = frozenset(("conn_type", "description", "host", "schema", "login", "password", "port", "extra"))
_TEXTS: Final = _FIELDS - {"port", "extra", "password"}
_REFERENCE: Final = "secret"
_CLONE_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class RepositoryFiles:
    """The files of one revision, read and checked."""

    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def connection(self, conn_id: str, secret: Callable[[str], str]) -> str | None:
        """As JSON, with each reference replaced by what `secret` gives; None where the file has none."""
        found = self.connections.get(conn_id)
        return None if found is None else json.dumps(_resolved(found, secret))

    def references(self, conn_id: str) -> list[str]:
        """Ids of the plain secrets that the connection needs."""
        found: list[str] = []

        def note(name: str) -> str:
            found.append(name)
            return ""

        self.connection(conn_id, note)
        return found


def fetch(url: str, branch: str, environment: str) -> RepositoryFiles:
    """From the newest revision of the branch. Raises GitError, RefusedError."""
    with tempfile.TemporaryDirectory() as folder:
        git(Path(folder), "clone", "--quiet", "--depth=1", f"--branch={branch}", url, "newest", seconds=_CLONE_SECONDS)
        return read(Path(folder) / "newest", environment)


def read(root: Path, environment: str) -> RepositoryFiles:
    """From a checkout. Raises RefusedError with every problem of the three files."""
    problems: list[Problem] = []
    connections, groups = _connections(root / CONNECTIONS, problems)
    variables: dict[str, str] = {}
    for name in ("variables.yaml", f"variables.{environment}.yaml"):
        variables |= _variables(root / name, problems)
    if problems:
        raise RefusedError(problems)
    return RepositoryFiles(connections=connections, groups=groups, variables=variables)


def _connections(
    file: Path, problems: list[Problem]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, tuple[str, ...]]]:
    document = _document(file, problems)
    problems += _unknown(file.name, document, {"connections", "groups"})
    connections: dict[str, Mapping[str, Any]] = {}
    for conn_id, found in _mapping(f"{file.name}: connections", document.get("connections"), problems).items():
        path = f"{file.name}: connections.{conn_id}"
        if not isinstance(found, dict) or not isinstance(found.get("conn_type"), str):
            problems.append(_problem(path, "a mapping with at least a conn_type", "write one"))
            continue
        problems += [*_unknown(path, found, _FIELDS), *_not_allowed(path, found)]
        connections[conn_id] = found
    groups: dict[str, tuple[str, ...]] = {}
    for name, ids in _mapping(f"{file.name}: groups", document.get("groups"), problems).items():
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            problems.append(_problem(f"{file.name}: groups.{name}", "a list of ids of connections", "write one"))
            continue
        groups[name] = tuple(ids)
    return connections, groups


def _not_allowed(path: str, found: Mapping[str, Any]) -> Iterator[Problem]:
    """Fields that are no text, and secrets that stand in the file themselves."""
    for name, value in found.items():
        if name in _TEXTS and not isinstance(value, str) and not _is_reference(value):
            yield _problem(f"{path}.{name}", "a text", "put it in quotation marks")
    if "port" in found and not isinstance(found["port"], int):
        yield _problem(f"{path}.port", "a number", "write it without quotation marks")
    for place, value in _leaves(path, found):
        inside = place.removeprefix(path).split(".")
        if any(map(should_hide_value_for_key, inside)) and not _is_reference(value):
            rule, action = "a reference, {secret: id}: a repository keeps no secret", "`ariel secrets set secret ID`"
            yield _problem(place, rule, action)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each value that is neither mapping nor list, and each reference, with its path."""
    if isinstance(value, dict) and not _is_reference(value):
        for key, each in value.items():
            yield from _leaves(f"{path}.{key}", each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(path, each)
    else:
        yield path, value


def _is_reference(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {_REFERENCE} and isinstance(value[_REFERENCE], str)


def _variables(file: Path, problems: list[Problem]) -> dict[str, str]:
    """Airflow's variables are texts; what is none is written as JSON, for `deserialize_json`."""
    found = {}
    for key, value in _document(file, problems).items():
        try:
            found[key] = value if isinstance(value, str) else json.dumps(value)
        except TypeError:
            problems.append(_problem(f"{file.name}: {key}", "a text, number, list or mapping", "use quotation marks"))
    return found


def _document(file: Path, problems: list[Problem]) -> dict[str, Any]:
    """Empty where there is no such file."""
    if not file.is_file():
        return {}
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problems.append(_problem(f"{file.name}{line}", "YAML", "correct it"))
        return {}
    return _mapping(file.name, found, problems)


def _mapping(path: str, found: Any, problems: list[Problem]) -> dict[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        problems.append(_problem(path, "a mapping by text", "write `key: value`, keys in quotation marks"))
        return {}
    return found


def _unknown(path: str, found: Mapping[str, Any], known: Set[str]) -> Iterator[Problem]:
    for key in found:
        if key not in known:
            yield _problem(f"{path}.{key}", f"one of {', '.join(sorted(known))}", "correct or remove it")


def _resolved(value: Any, secret: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        if _is_reference(value):
            return secret(value[_REFERENCE])
        return {key: _resolved(each, secret) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(each, secret) for each in value]
    return value


def _problem(path: str, rule: str, action: str) -> Problem:
    """Without the value: it may be a password that stands in the wrong place."""
    return Problem(path=path, value="<given>", rule=rule, action=action)
