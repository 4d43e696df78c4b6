"""The settings as a tree of schema nodes, made from the models: what exists where, with types and meanings."""

from __future__ import annotations

import functools
from typing import Any

from stacks.classes import DEFAULTS
from stacks.settings import Settings
from stacks.wording import Location


@functools.cache
def settings_schema() -> dict[str, Any]:
    """Schema of the settings in a file, with every reference written out, since the models form a tree.

    Required is only what neither a model nor the classes give a default.
    """
    schema = Settings.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs")
    written: dict[str, Any] = _written_out(schema, definitions)
    del written["properties"]["stack"]
    written["required"].remove("stack")
    for defaults in DEFAULTS.values():
        _not_required(written, defaults)
    return written


def _written_out(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        node = definitions[name] | {key: value for key, value in node.items() if key != "$ref"}
    written = {key: _written_out(value, definitions) for key, value in node.items() if key != "title"}
    if isinstance(written.get("description"), str):
        written["description"] = " ".join(written["description"].split())
    if "patternProperties" in written:
        written["additionalProperties"] = False
    return written


def _not_required(node: dict[str, Any], defaults: dict[str, Any]) -> None:
    required = [key for key in node.pop("required", ()) if key not in defaults or _incomplete(node, key)]
    if required:
        node["required"] = required
    for key, value in defaults.items():
        if isinstance(value, dict):
            _not_required(node["properties"][key], value)


def _incomplete(node: dict[str, Any], key: str) -> bool:
    """Whether a block that the classes fill holds something which they leave to the file, such as `airflow.host`."""
    block = node["properties"][key]
    given = [defaults.get(key) for defaults in DEFAULTS.values() if key in defaults]
    return any(name not in value for value in given if isinstance(value, dict) for name in block.get("required", ()))


def keys_at(location: Location) -> tuple[str, ...]:
    """The keys which exist in the block at a location; none where it is no block of known keys."""
    node = settings_schema()
    for part in location:
        node = _inside(_block(node), part)
    return tuple(_block(node).get("properties", {}))


def _block(node: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or for an optional block the alternative which is not null."""
    return next((option for option in node.get("anyOf", ()) if option.get("type") != "null"), node)


def _inside(node: dict[str, Any], part: str | int) -> dict[str, Any]:
    if isinstance(part, int):
        inner = node.get("items")
    else:
        entries = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
        inner = node.get("properties", {}).get(part) or next(filter(None, entries), None)
    return inner if isinstance(inner, dict) else {}
