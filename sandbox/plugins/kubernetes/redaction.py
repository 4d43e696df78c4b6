"""Keeps secret values out of messages that servers and tools write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.plugins.values import Secret

# Shorter texts are too common to be told apart from ordinary words.
_SHORTEST = 4


def redact(text: str, inputs: Any) -> str:
    """The text with every secret string of the inputs replaced."""
    for secret in sorted(set(_secrets(inputs, False)), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _secrets(value: Any, hidden: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secrets(value.value, True)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item, hidden)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, hidden)
    elif hidden and isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
