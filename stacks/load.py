"""From what a stack file says to one frozen settings object, or to one error with everything that is wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.classes import DEFAULTS
from stacks.errors import Problem, SettingsError
from stacks.mending import mend, offence
from stacks.rules import RULES
from stacks.rules.rule import Rule
from stacks.settings import EnvironmentClass, Settings
from stacks.shape import keys_at
from stacks.stack_file import read_file
from stacks.wording import path_of, problem_of, unknown_key

__all__ = ["defaults_of", "load", "merge", "read_file"]


def load(stack: str, raw: Mapping[str, Any]) -> Settings:
    """The settings of a stack.

    `stack` is the stack's name; `raw` holds what stands under `ariel:` (keys without that prefix, values as YAML or
    JSON gives them; top-level scalars may be text, as the engine hands them over). Raises one SettingsError with every
    problem: those of single values, and those of all rules that can be judged in spite of them.
    """
    given = dict(raw)
    problems = []
    if "stack" in given:
        problems.append(unknown_key(("stack",), given.pop("stack"), keys_at(())))
    defaults = defaults_of(given.get("class"))
    data = merge(defaults, given) | {"stack": stack}
    errors: list[ErrorDetails] = []
    settings: Settings | None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as invalid:
        errors = invalid.errors()
        settings = mend(data, defaults)
    problems += [problem_of(error, keys_at) for error in errors]
    if settings is not None:
        unread = [path_of(location) for location in map(offence, errors) if location is not None]
        problems += _offences(RULES, settings, unread)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def defaults_of(class_name: object) -> dict[str, Any]:
    """The secure defaults of a class; for a name that is none, those of `lower`, so that the rest can be judged."""
    try:
        return DEFAULTS[EnvironmentClass(str(class_name))]
    except ValueError:
        return DEFAULTS[EnvironmentClass.LOWER]


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged key by key; anything else that stands in `over`, also a list or null, replaces what is under."""
    merged = copy.deepcopy(dict(under))
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def _offences(rules: Iterable[Rule], settings: Settings, unread: Sequence[str]) -> Iterator[Problem]:
    """What the rules find, without judging values that nobody wrote because the written ones could not be read."""
    for rule in rules:
        if any(_touch(path, lost) for path in rule.reads for lost in unread):
            continue
        for problem in rule.check(settings):
            if not any(_below(problem.path, lost) for lost in unread):
                yield problem


def _touch(one: str, other: str) -> bool:
    return _below(one, other) or _below(other, one)


def _below(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}["))
