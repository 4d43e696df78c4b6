"""Changes the tenants of a stack file as a careful person would: only the lines concerned, and only to what validates.

The file's text is cut and joined at the positions that ruamel.yaml reports, so that every comment, quote and blank line
elsewhere stays as it is, byte for byte.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from stacks.errors import Problem, UsageError
from stacks.load import load
from stacks.settings import Settings
from stacks.stack_file import PREFIX, read_file, read_text, stack_of
from stacks.tenant import Tenant
from stacks.wording import nearest

TENANTS: Final = f"{PREFIX}tenants"
INDENT: Final = 2
WHOLE: Final = "."
"""`repository.path` of a repository that is laid out as `dags/starter/`."""

_SKELETON: Final = """\
owner: {owner}
groupId: {group_id}
repository:
  url: {url}
  # Branch whose newest revision runs in this environment, and the folder of it that is delivered: `.` is all of it.
  branch: main
  path: {path}
# The most that all task pods of the tenant may use at one time.
quota:
  pods: 20
  cpu: "8"
  memory: 16Gi
# Destinations outside the platform that tasks may reach, each by host or cidr:
# egress:
#   - host: api.example.com
#     port: 443
# Further settings (processor, triggerer, grants, identities, applications, alerts, secrets): docs/settings.md
"""


def skeleton(*, owner: str, group_id: str, url: str, path: str = WHOLE) -> CommentedMap:
    """A commented block for a new tenant: mail address of its owner, object id of its Entra group, DAG repository."""
    block: CommentedMap = _yaml().load(_SKELETON.format(owner="o", group_id="g", url="u", path="p"))
    block["owner"], block["groupId"] = owner, group_id
    block["repository"].update({"url": url, "path": path})
    return block


def list_tenants(path: Path) -> Mapping[str, Tenant]:
    """Slug -> tenant, in the order of the file. Raises SettingsError for a file that is not valid."""
    return load(stack_of(path), read_file(path)).tenants


def add_tenant(path: Path, slug: str, block: Mapping[str, Any]) -> Settings:
    """Write a tenant's block behind the last one and return the settings of the changed file.

    Raises UsageError for a slug that is there already, SettingsError where the file is not valid, or would not be with
    the block; in both cases the file is untouched.
    """
    text = _read(path)
    tenants = _tenants(text)
    if slug in tenants:
        raise _usage(slug, "a slug that is not in the file", f"change its block in {path.name}, or choose another slug")
    if tenants:
        _refuse_flow(tenants, path)
        lines, column = _lines(text), tenants.lc.col
        at = _end_of(lines, _line_of(tenants, list(tenants)[-1]), column)
        changed = [*lines[:at], *_gap(text), *_written(slug, block, column, text), *lines[at:]]
    else:
        changed = _with_first(text, slug, block)
    return _replace(path, "".join(changed), slug, there=True)


def remove_tenant(path: Path, slug: str) -> Settings:
    """Take a tenant's block out and return the settings of the changed file.

    Raises UsageError for a slug that is not there, SettingsError where the file is not valid, or would not be without
    the block (the second tenant of a trust group); in both cases the file is untouched.
    """
    text = _read(path)
    tenants = _tenants(text)
    if slug not in tenants:
        guess = nearest(slug, tuple(tenants))
        action = f"did you mean `{guess}`?" if guess else "`ariel tenant list` shows them"
        raise _usage(slug, f"one of the file's tenants: {', '.join(tenants) or 'there is none'}", action)
    _refuse_flow(tenants, path)
    lines, column = _lines(text), tenants.lc.col
    start, end = _line_of(tenants, slug), _end_of(lines, _line_of(tenants, slug), column)
    start = _with_comments_above(lines, start, column)
    if len(tenants) == 1:
        head = _line_of(_config(text), TENANTS)
        lines[head] = _indented(_newline(text), f"{TENANTS}: {{}}", _config(text).lc.col)
    elif _is_blank(lines, start - 1):
        start -= 1
    elif end < len(lines) and _is_blank(lines, end):
        end += 1
    return _replace(path, "".join(lines[:start] + lines[end:]), slug, there=False)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=INDENT, sequence=2 * INDENT, offset=INDENT)
    return yaml


def _read(path: Path) -> str:
    """The text as it is, line ends included. Raises SettingsError where it is no stack file, or its tenants no map."""
    raw = read_file(path)
    if not isinstance(raw.get("tenants", {}), Mapping):
        load(stack_of(path), raw)
    return path.read_bytes().decode("utf-8")


def _config(text: str) -> CommentedMap:
    config: CommentedMap = _yaml().load(text)["config"]
    return config


def _tenants(text: str) -> CommentedMap:
    tenants: CommentedMap = _config(text).get(TENANTS, CommentedMap())
    return tenants


def _lines(text: str) -> list[str]:
    """Lines with their ends; the last one has one, too."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += _newline(text)
    return lines


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _gap(text: str) -> list[str]:
    """A blank line, where the file has any; Pulumi drops them when it writes the file."""
    return [_newline(text)] if any(not line.strip() for line in text.splitlines()) else []


def _line_of(block: CommentedMap, key: str) -> int:
    line: int = block.lc.key(key)[0]
    return line


def _end_of(lines: list[str], start: int, column: int) -> int:
    """Line behind the block whose key stands at `start`: behind its last line of content or of deeper comment.

    A comment which is not deeper belongs to what follows it, be that in the block or behind it.
    """
    end = start + 1
    for number in range(start + 1, len(lines)):
        content = lines[number].lstrip(" ")
        if len(lines[number]) - len(content) > column and content.strip():
            end = number + 1
        elif content.strip() and not content.startswith("#"):
            break
    return end


def _with_comments_above(lines: list[str], start: int, column: int) -> int:
    """First line of the comments which stand directly above a key, at its own indentation."""
    while start and lines[start - 1].startswith(f"{' ' * column}#"):
        start -= 1
    return start


def _is_blank(lines: list[str], number: int) -> bool:
    return not lines[number].strip()


def _written(slug: str, block: Mapping[str, Any], column: int, text: str) -> list[str]:
    stream = io.StringIO()
    _yaml().dump(block, stream)
    newline = _newline(text)
    head = _indented(newline, f"{slug}:", column)
    return [head, *(_indented(newline, line, column + INDENT) for line in stream.getvalue().splitlines())]


def _indented(newline: str, line: str, column: int) -> str:
    return f"{' ' * column}{line}{newline}" if line else newline


def _with_first(text: str, slug: str, block: Mapping[str, Any]) -> list[str]:
    """The lines with a first tenant: in place of `{}` where the key is there, else at the end of `config:`."""
    lines, config = _lines(text), _config(text)
    column = config.lc.col
    added = [_indented(_newline(text), f"{TENANTS}:", column), *_written(slug, block, column + INDENT, text)]
    if TENANTS in config:
        at = _line_of(config, TENANTS)
        return lines[:at] + added + lines[at + 1 :]
    at = _end_of(lines, _line_of(config, list(config)[-1]), column)
    return [*lines[:at], *_gap(text), *added, *lines[at:]]


def _refuse_flow(tenants: CommentedMap, path: Path) -> None:
    if tenants.fa.flow_style():
        raise _by_hand(path, "written in braces")


def _by_hand(path: Path, value: str) -> UsageError:
    return UsageError(
        [
            Problem(
                path=f"{path.name}: {TENANTS}",
                value=value,
                rule="only plain blocks of `key: value` lines can be edited line by line",
                action="edit the file by hand",
            )
        ]
    )


def _usage(slug: str, rule: str, action: str) -> UsageError:
    return UsageError([Problem(path=f"tenants.{slug}", value=slug, rule=rule, action=action)])


def _replace(path: Path, text: str, slug: str, *, there: bool) -> Settings:
    """Put the text in the file's place if it is valid and differs by the one tenant only, who is now `there` or not."""
    raw, before = read_text(text, str(path)), read_file(path).get("tenants", {})
    after = raw["tenants"]
    if (slug in after) is not there or _without(after, slug) != _without(before, slug):
        raise _by_hand(path, "written so that one tenant's lines cannot be told from another's")
    settings = load(stack_of(path), raw)
    _write(path.resolve(), text)
    return settings


def _without(tenants: Mapping[str, Any], slug: str) -> dict[str, Any]:
    return {name: block for name, block in tenants.items() if name != slug}


def _write(path: Path, text: str) -> None:
    """Nobody ever reads half of the file, and its mode is kept."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, path.stat().st_mode)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
