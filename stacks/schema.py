"""The JSON schema of a whole `Pulumi.<stack>.yaml`, for editors and for advice; made from the models.

`python -m stacks.schema` writes `stacks/schema.json` and `docs/settings.md` anew.
"""

from __future__ import annotations

import functools
from typing import Any

from stacks.settings import Settings
from stacks.wording import Location


@functools.cache
def settings_schema() -> dict[str, Any]:
    """Schema of the settings with every reference written out, since the models form a tree."""
    schema = Settings.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs")
    written: dict[str, Any] = _written_out(schema, definitions)
    del written["properties"]["stack"]
    written["required"].remove("stack")
    return written


def _written_out(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        node = definitions[name] | {key: value for key, value in node.items() if key != "$ref"}
    return {key: _written_out(value, definitions) for key, value in node.items() if key != "title"}


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
