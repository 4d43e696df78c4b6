"""What pydantic found, in words for the person who edits the stack file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails

from stacks import model, settings, tenant
from stacks.errors import Problem

Location = tuple[str | int, ...]

LONGEST_SHOWN: Final = 80
"""Characters of a value that a message shows."""

MISSING: Final = "(missing)"
EMPTY: Final = "(empty)"
HIDDEN: Final = "(not shown: it looks like a secret)"

_SECRET_KEY = re.compile(
    r"(?i)(password|passwd|pwd|token|api_?key|private_?key|account_?key|connection_?string|client_?secret|credential|sas)$"
)
_SECRET_VALUE = re.compile(
    r"://[^/\s@]*:[^/\s@]+@|https?://[^/\s@]+@|-----BEGIN|AccountKey=|SharedAccess|[?&]sig=|hooks\.slack\.com/|"
    r"\b(xox[a-z]-|gh[opsu]_|github_pat_|glpat-|eyJ[A-Za-z0-9_-]{10})"
)

PATTERNS: Final[dict[str, str]] = {
    model.GUID_PATTERN: "a GUID such as 11111111-1111-4111-8111-111111111111",
    model.CPU_PATTERN: "cores such as 2 or 0.5, or thousandths such as 500m",
    model.MEMORY_PATTERN: "a whole number with Mi, Gi or Ti, such as 512Mi",
    model.CIDR_PATTERN: "an IPv4 range such as 10.40.0.0/16",
    model.ADDRESS_PATTERN: "an IPv4 address such as 10.0.4.4",
    model.HOST_PATTERN: "a host name in lower case with at least one dot, such as airflow.contoso.com",
    model.EMAIL_PATTERN: "a mail address",
    model.SLUG_PATTERN: "lower-case letters and digits, a letter first, words joined by single hyphens",
    tenant.REPOSITORY_PATTERN: "an address that begins with https://, ssh:// or git@ (git:// in a sandbox)",
    tenant.BRANCH_PATTERN: "a branch name",
    tenant.FOLDER_PATTERN: "a folder relative to the repository's root, without blanks",
    tenant.SCOPE_PATTERN: "an ARM id that begins with /subscriptions/<GUID>/",
    tenant.ALLOWED_IMAGE_PATTERN: "an image name such as contoso.azurecr.io/team/tool:1.4",
    tenant.CERTIFICATE_PATTERN: "the id of a secret: letters, digits, dots, underscores, single hyphens between them",
    settings.REGION_PATTERN: "a region as Azure's command line names it, such as westeurope",
    settings.VIRTUAL_NETWORK_PATTERN: "the ARM id of a virtual network",
    settings.HOUR_PATTERN: "a full hour such as 02:00, in quotes",
    settings.IMAGE_REPOSITORY_PATTERN: "lower-case path of an image in the stack's registry, such as ariel/airflow",
    settings.IMAGE_TAG_PATTERN: "an image tag such as 3.3.2-1",
    settings.IMAGE_DIGEST_PATTERN: "an image's digest: sha256: and 64 hexadecimal digits",
    settings.VM_SIZE_PATTERN: "a VM size such as Standard_D4ds_v5",
    settings.STACK_PATTERN: "lower-case letters and digits, a letter first, no hyphen",
    settings.ORGANISATION_PATTERN: "2 to 10 lower-case letters and digits, a letter first",
}
"""Pattern of a field -> what it allows. A test keeps it complete."""

Context = Mapping[str, Any]

_WORDS: Final[dict[str, tuple[Callable[[Context], str], str]]] = {
    "missing": (lambda _: "this setting is required", "add it"),
    "extra_forbidden": (lambda _: "no such setting", "remove it; docs/settings.md lists every setting"),
    "string_type": (lambda _: "text", "write it in quotes"),
    "string_pattern_mismatch": (lambda c: PATTERNS[c["pattern"]], "write it so"),
    "string_too_short": (lambda c: f"at least {c['min_length']} characters", "choose a longer one"),
    "string_too_long": (lambda c: f"at most {c['max_length']} characters", "choose a shorter one"),
    "int_type": (lambda _: "a whole number", "write a number without quotes"),
    "int_parsing": (lambda _: "a whole number", "write a number without quotes"),
    "int_parsing_size": (lambda _: "a whole number", "write a smaller number"),
    "int_from_float": (lambda _: "a whole number", "write it without a fraction"),
    "bool_type": (lambda _: "true or false", "write true or false without quotes"),
    "bool_parsing": (lambda _: "true or false", "write true or false without quotes"),
    "greater_than_equal": (lambda c: f"at least {c['ge']}", "raise it"),
    "less_than_equal": (lambda c: f"at most {c['le']}", "lower it"),
    "literal_error": (lambda c: f"one of {c['expected']}", "choose one of them"),
    "enum": (lambda c: f"one of {c['expected']}", "choose one of them"),
    "model_type": (lambda _: "a block of `key: value` lines", "write a block, or leave the key away"),
    "dict_type": (lambda _: "a map of `name: value` lines", "write a map (`{}` if there is none), not a list"),
    "tuple_type": (lambda _: "a list", "write a list, each entry behind a `-`"),
    "too_short": (lambda c: f"at least {c['min_length']} entry", "add an entry"),
    "not_a_range": (lambda c: f"an IPv4 range without bits behind its prefix ({c['reason']})", "correct the range"),
    "not_an_address": (lambda c: f"an IPv4 address ({c['reason']})", "correct the address"),
}
"""Type of pydantic's error -> (rule from the error's context, action). A test keeps it complete."""

_KEY_ACTION: Final = "rename it; as a key it is part of names in Azure, Kubernetes and PostgreSQL"


def path_of(location: Sequence[str | int]) -> str:
    """The location as a person reads it in the file: `tenants.weather.egress[0].port`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object, key: str = "") -> str:
    """The value as the person wrote it, shortened; never one that looks like a secret, by its key or by itself."""
    if _SECRET_KEY.search(key) and value is not None:
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"a map of {len(value)} keys" if len(value) != 1 else f"a map with the key {next(iter(value))!s}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = str(value) or EMPTY
    if _SECRET_VALUE.search(text):
        return HIDDEN
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text)} characters)"


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word which the person most probably meant, or None."""
    by_lower = {name.lower(): name for name in known}
    plain = word.replace("_", "").replace("-", "").lower()
    matches = get_close_matches(plain, by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def unknown_key(location: Location, value: object, known: Sequence[str]) -> Problem:
    """A key that no model has; the advice is the nearest key which exists there."""
    guess = nearest(str(location[-1]), known)
    rule, action = _WORDS["extra_forbidden"]
    return Problem(
        path=path_of(location),
        value=shown(value, str(location[-1])),
        rule=f"{rule({})}; known here: {', '.join(known)}",
        action=f"did you mean `{guess}`?" if guess else action,
    )


def problem_of(error: ErrorDetails, known: Callable[[Location], Sequence[str]]) -> Problem:
    """One of pydantic's errors in four parts; `known` lists the keys which exist in the block at a location."""
    location = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown_key(location, error["input"], known(location[:-1]))
    if location[-1] == "[key]":
        rule, _ = _WORDS[kind]
        return Problem(
            path=path_of(location[:-1]), value=shown(error["input"]), rule=rule(error["ctx"]), action=_KEY_ACTION
        )
    rule, action = _WORDS[kind]
    value = MISSING if kind == "missing" else shown(error["input"], str(location[-1]))
    return Problem(path=path_of(location), value=value, rule=rule(error.get("ctx", {})), action=action)
