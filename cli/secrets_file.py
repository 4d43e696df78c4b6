"""A file that lists secrets to fill: what `ariel secrets template` writes and `ariel secrets import` takes.

    secrets:
      - kind: connection
        id: warehouse
        description: "reads the trips; dags/trips.py:12"
        owner: mobility@example.org
        environments: [dev, prod]
        value: {file: warehouse.json}       # or {env: WAREHOUSE}; without one the secret is left alone

It holds references only, so that it can be committed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from stacks.errors import Problem, UsageError
from stacks.naming import digest


class Kind(StrEnum):
    """What a secret is, as the platform's API calls it."""

    CONNECTION = "connection"
    VARIABLE = "variable"
    SECRET = "secret"  # noqa: S105 - the name of a kind


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reference(_Strict):
    """Where a value is: a file, relative to the listing one, or a variable of the environment."""

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _names_one_place(self) -> Reference:
        if (self.file is None) == (self.env is None):
            raise ValueError("either file or env")
        return self


class Entry(_Strict):
    kind: Kind
    id: str
    description: str = ""
    owner: str = ""
    environments: tuple[str, ...] = ()
    """Where it is wanted; everywhere, if none is named."""
    value: Reference | None = None


class SecretsFile(_Strict):
    secrets: tuple[Entry, ...] = ()


def load(file: Path) -> SecretsFile:
    """Raises UsageError with every problem."""
    try:
        document = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
        return SecretsFile.model_validate(document)
    except (OSError, UnicodeDecodeError, MarkedYAMLError) as error:
        rule = f"a file of YAML ({type(error).__name__})"
        raise _wrong([(str(file), "<text>", rule)]) from None
    except ValidationError as error:
        found = [(f"{file}: {'.'.join(map(str, each['loc']))}", "<given>", each["msg"]) for each in error.errors()]
        raise _wrong(found) from None


def values(listed: SecretsFile, file: Path, env: str, variables: Mapping[str, str] = os.environ) -> dict[Entry, str]:
    """The entries that this environment wants and that have a value, with it. Raises UsageError before any is used."""
    found: dict[Entry, str] = {}
    problems: list[tuple[str, str, str]] = []
    for entry in listed.secrets:
        if entry.value is None or (entry.environments and env not in entry.environments):
            continue
        path = f"{file}: {entry.kind} {entry.id}"
        if entry.value.env is not None:
            if value := variables.get(entry.value.env):
                found[entry] = value
            else:
                problems.append((path, entry.value.env, "a variable of the environment that is not empty"))
        elif entry.value.file is not None:
            try:
                found[entry] = (file.parent / entry.value.file).read_bytes().decode()
            except (OSError, UnicodeDecodeError) as error:
                problems.append((path, str(entry.value.file), f"a file of text ({type(error).__name__})"))
    if problems:
        raise _wrong(problems)
    return found


def template(findings: Iterable[Mapping[str, Any]], owner: str, env: str) -> str:
    """A file with an entry for each secret that is missing, to be filled."""
    places: dict[tuple[str, str], list[str]] = {}
    for each in findings:
        if each["state"] == "missing" and each["kind"] in list(Kind):
            places.setdefault((each["kind"], each["id"]), []).append(f"{each['file']}:{each['line']}")
    secrets = [
        {
            "kind": kind,
            "id": name,
            "description": f"named in {', '.join(where)}",
            "owner": owner,
            "environments": [env],
            "value": {"env": _variable(kind, name)},
        }
        for (kind, name), where in sorted(places.items())
    ]
    written = io.StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump({"secrets": secrets}, written)
    return written.getvalue()


def _variable(kind: str, name: str) -> str:
    """A name for the variable of the environment; another one for each id, as `a.b` and `a_b` are."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name).upper()
    same = plain.lower() == name
    return f"{kind.upper()}_{plain}" + ("" if same else f"_{digest(kind, name)[:4].upper()}")


def _wrong(found: Iterable[tuple[str, str, str]]) -> UsageError:
    action = "correct it; nothing was set"
    return UsageError([Problem(path=path, value=value, rule=rule, action=action) for path, value, rule in found])
