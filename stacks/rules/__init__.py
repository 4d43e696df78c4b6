"""Rules which concern more than one setting, one function each, collected here in the order of the file."""

from __future__ import annotations

from typing import Final

from stacks.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = ()
