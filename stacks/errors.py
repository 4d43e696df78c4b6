"""Errors for people: each names the path of the setting, the value received, what is allowed, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong with what was given.

    `path` is where it stands (`tenants.weather.quota.pods`), `value` what stands there, as the person wrote it,
    `rule` what is allowed, `action` what to do about it.
    """

    path: str
    value: str
    rule: str
    action: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}\n  rule:   {self.rule}\n  action: {self.action}"


class ArielError(Exception):
    """Base of all errors that ariel raises on purpose; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingsError(ArielError):
    """The stack file is wrong: the platform engineer edits it."""


class UsageError(ArielError):
    """The command was called with something it cannot take: the caller changes the call. Exit status 2."""


class MachineError(ArielError):
    """This machine lacks something: its owner installs or frees it."""


class EngineError(ArielError):
    """The engine or Azure refused or failed: the platform engineer reads the reason and acts."""
