"""The running stack's own configuration, as the engine hands it over."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

import stacks.load
from stacks.settings import Settings

NAMESPACE = "ariel:"


def current_settings() -> Settings:
    """The settings of the running stack. Raises `SettingsError` with every problem found."""
    return stacks.load.load(pulumi.get_stack(), raw_config())


def raw_config() -> dict[str, Any]:
    """All keys under `ariel:`, without that prefix."""
    everything = {**get_config_env(), **CONFIG.get()}
    return {
        key.removeprefix(NAMESPACE): _parsed(value) for key, value in everything.items() if key.startswith(NAMESPACE)
    }


def _parsed(value: str) -> Any:
    """The engine hands maps and lists over as JSON text; what only begins like that is the text that a person wrote.

    Where a block belongs, the text is refused with its path, as any other text there.
    """
    if value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
