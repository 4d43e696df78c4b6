"""What a connection, a variable or a plain secret is called in a vault.

Key Vault allows letters, digits and hyphens, and does not tell `A` from `a`; Airflow allows more. So lower-case
letters, digits and single hyphens between them stand for themselves, and each other byte of the id (UTF-8) is two
hyphens and its hexadecimal number: `slack-ic-os` is as it was, `slack.ic_os` is `slack--2eic--5fos`. No two ids share
a name, and `identifier` takes back every one that `secret_name` makes.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from ariel_runtime.refusal import Problem, RefusedError

LONGEST: Final = 127
"""Characters of a secret's name. Source: Key Vault's limits for object identifiers."""
TEAM_SEPARATOR: Final = "--"
PLATFORM_CONNECTIONS: Final = frozenset(("ariel_logs", "git_default"))
"""Those that each pod is given by its environment: of logs, and of the bundle. They are never in a vault."""
_PLAIN: Final = re.compile(r"(?<=[a-z0-9])-(?=[a-z0-9])|[a-z0-9]")
_NAME: Final = re.compile(r"(?:[a-z0-9]|(?<=[a-z0-9])-(?=[a-z0-9])|--[0-9a-f]{2})+")
_ESCAPE: Final = re.compile(r"--([0-9a-f]{2})")


class Kind(StrEnum):
    """What a secret holds."""

    CONNECTION = "connection"
    VARIABLE = "variable"
    SECRET = "secret"  # noqa: S105 - the name of a kind


def prefix(owner: str, kind: Kind) -> str:
    """What all names of that kind begin with. `owner` ends with a hyphen: see `owner_prefix`."""
    return f"{owner}{kind}s-"


def owner_prefix(slug: str | None) -> str:
    """What a tenant's names begin with: its slug in a shared vault, `airflow-` (None) in one of its own.

    Two hyphens end the slug, which holds no two in a row: nobody's names begin as another's do.
    """
    return "airflow-" if slug is None else f"{slug}{TEAM_SEPARATOR}"


def secret_name(owner: str, kind: Kind, identifier: str) -> str | None:
    """The secret's name; None where it would be longer than a vault allows, so that none can exist.

    Raises RefusedError for an id with the separator of teams in it: it would read as a name of another team's.
    """
    if kind is Kind.CONNECTION and identifier in PLATFORM_CONNECTIONS:
        rule = "not one of the platform's own connections"
        raise RefusedError(
            [Problem(path="id of a connection", value=identifier, rule=rule, action="choose another id")]
        )
    if TEAM_SEPARATOR in identifier:
        raise RefusedError(
            [
                Problem(
                    path=f"id of a {kind}",
                    value=identifier,
                    rule=f"no {TEAM_SEPARATOR!r} in it: that separates a team from its names",
                    action="use one hyphen, a dot or an underscore",
                )
            ]
        )
    name = prefix(owner, kind) + _encoded(identifier)
    return name if identifier and len(name) <= LONGEST else None


def identifier(owner: str, kind: Kind, name: str) -> str | None:
    """The id that has this name (in any case); None where it is nobody's, or another kind's."""
    name, start = name.lower(), prefix(owner, kind)
    encoded = name.removeprefix(start)
    if encoded == name or _NAME.fullmatch(encoded) is None:
        return None
    try:
        found = _decoded(encoded)
    except UnicodeDecodeError:
        return None
    return found if _encoded(found) == encoded and TEAM_SEPARATOR not in found else None


def _encoded(text: str) -> str:
    parts, at = [], 0
    while at < len(text):
        if _PLAIN.match(text, at):
            parts.append(text[at])
        else:
            parts += [f"--{byte:02x}" for byte in text[at].encode(errors="surrogatepass")]
        at += 1
    return "".join(parts)


def _decoded(encoded: str) -> str:
    parts, at = [], 0
    while at < len(encoded):
        if escape := _ESCAPE.match(encoded, at):
            parts.append(bytes.fromhex(escape[1]))
            at = escape.end()
        else:
            parts.append(encoded[at].encode())
            at += 1
    return b"".join(parts).decode(errors="surrogatepass")
