"""Random text under the rules of RandomPassword and RandomString."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

# Classes and their characters: documentation of random_password, argument by argument.
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_FIXED = {"upper": _LOWER.upper(), "lower": _LOWER, "numeric": "0123456789"}


def classes(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Every class with its characters, switched off ones too; `overrideSpecial` replaces the special ones."""
    return {**_FIXED, "special": inputs.get("overrideSpecial") or _SPECIAL}


def problem(inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """The property and the rule that make such a text impossible; None when it can be made."""
    least = sum(inputs[f"min{name.capitalize()}"] for name in classes(inputs))
    if inputs["length"] < max(1, least):
        return "length", f"{inputs['length']} is too short: at least 1 and the sum of all min* ({least}); raise it"
    if not any(inputs[name] for name in classes(inputs)):
        return "special", "upper, lower, numeric and special are all false: no characters are left; set one to true"
    return None


def make(inputs: Mapping[str, Any]) -> str:
    """A text of `length` characters: first the minimum of each class, the rest from all enabled ones, then shuffled."""
    by_class = classes(inputs)
    drawn = [secrets.choice(text) for name, text in by_class.items() for _ in range(inputs[f"min{name.capitalize()}"])]
    enabled = "".join(text for name, text in by_class.items() if inputs[name])
    drawn += [secrets.choice(enabled) for _ in range(inputs["length"] - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)
