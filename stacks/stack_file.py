"""Reads `Pulumi.<stack>.yaml` as a person wrote it, before the engine has seen it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stacks.errors import Problem, SettingsError
from stacks.wording import HIDDEN, MISSING, path_of

PREFIX: Final = "ariel:"
_NAME = re.compile(r"^Pulumi\.(?P<stack>[^/]+)\.ya?ml$")


def stack_of(path: Path) -> str:
    """The stack that a file belongs to: `dev` for `Pulumi.dev.yaml`. Raises SettingsError for any other name."""
    match = _NAME.match(path.name)
    if match is None:
        raise _refused(str(path), path.name, "a stack file is named Pulumi.<stack>.yaml", "rename it")
    return match["stack"]


def read_file(path: Path) -> dict[str, Any]:
    """What stands under `ariel:` in a stack file: keys without the prefix, values as YAML gives them.

    Other namespaces and Pulumi's own keys are left out. Raises SettingsError, with line numbers where there are any,
    for a missing, empty or broken file and for encrypted values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        action = f"write it, or `pulumi stack init {stack_of(path)}` beside a copy of Pulumi.dev.yaml"
        raise _refused(str(path), MISSING, "each stack has a file of its own", action) from None
    except UnicodeDecodeError as reason:
        raise _refused(str(path), str(reason), "a stack file is UTF-8 text", "save it as UTF-8") from None
    return read_text(text, str(path))


def read_text(text: str, name: str) -> dict[str, Any]:
    """As `read_file`, from text; `name` is what messages call the file."""
    document = _parsed(text, name)
    if document is None:
        raise _refused(name, "(empty)", "a stack file has settings under `config:`", "copy them from Pulumi.dev.yaml")
    config = document.get("config") if isinstance(document, Mapping) else document
    if not isinstance(config, Mapping):
        rule = f"a map `config:` holds the settings, each named {PREFIX}<setting>"
        raise _refused(f"{name}: config", "null" if config is None else type(config).__name__, rule, "write it so")
    raw = {str(key).removeprefix(PREFIX): value for key, value in config.items() if str(key).startswith(PREFIX)}
    encrypted = [
        Problem(
            path=path_of(location),
            value=HIDDEN,
            rule="settings hold no secrets, so none is encrypted",
            action="`pulumi config rm` it; secrets belong in the tenant's Key Vault",
        )
        for location in _encrypted(raw, ())
    ]
    if encrypted:
        raise SettingsError(encrypted)
    return raw


def _parsed(text: str, name: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    try:
        return yaml.load(text)
    except DuplicateKeyError as twice:
        line = _line(twice)
        rule = "a key stands once in its block"
        raise _refused(f"{name}:{line}", _text_at(text, line), rule, "remove or rename one of them") from None
    except MarkedYAMLError as broken:
        line = _line(broken)
        rule = f"YAML ({broken.problem or broken.context})"
        raise _refused(f"{name}:{line}", _text_at(text, line), rule, "correct the line, or the one above it") from None
    except YAMLError as broken:
        raise _refused(name, "(unreadable)", f"YAML ({str(broken).splitlines()[0]})", "correct the file") from None


def _line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _text_at(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[line - 1].strip() if line <= len(lines) else "(end of file)"


def _encrypted(value: Any, location: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return [location]
        return [found for key, inner in value.items() for found in _encrypted(inner, (*location, str(key)))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in _encrypted(inner, (*location, index))]
    return []


def _refused(path: str, value: str, rule: str, action: str) -> SettingsError:
    return SettingsError([Problem(path=path, value=value, rule=rule, action=action)])
