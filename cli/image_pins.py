"""Writes which images an environment runs into its stack file: only the lines concerned, and only what validates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from stacks.load import load
from stacks.settings import Image, Settings
from stacks.stack_file import PREFIX, read_text, stack_of

SETTINGS: Final = {
    "airflow": ("airflow", "image"),
    "pgbouncer": ("images", "pgbouncer"),
    "statsd-exporter": ("images", "statsd"),
}
"""Image -> where the stack file names it."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What a registry holds under a tag."""

    repository: str
    tag: str
    digest: str


def pinned(settings: Settings, name: str) -> Image:
    """The image that the stack file, or its class, names."""
    block, field = SETTINGS[name]
    image: Image = getattr(getattr(settings, block), field)
    return image


def write_pins(path: Path, pins: dict[str, Pin]) -> Settings:
    """Write repository, tag and digest of each image by name, and return the settings of the changed file.

    Raises SettingsError where the file is not valid, or would not be; it is untouched then.
    """
    text = path.read_bytes().decode("utf-8")
    for name, pin in pins.items():
        text = _with_pin(text, name, pin)
    settings = load(stack_of(path), read_text(text, str(path)))
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(text.encode("utf-8"))
    partial.chmod(path.stat().st_mode & 0o777)
    os.replace(partial, path)
    return settings


def _with_pin(text: str, name: str, pin: Pin) -> str:
    block, field = SETTINGS[name]
    parent: CommentedMap = YAML().load(text)["config"][f"{PREFIX}{block}"]
    lines = text.splitlines(keepends=True)
    if field not in parent:
        column = parent.lc.col
        added = [f"{field}:", *(f"  {key}: {value}" for key, value in vars(pin).items())]
        at = _last_line(parent) + 1
        lines[at:at] = [f"{' ' * column}{line}\n" for line in added]
        return "".join(lines)
    image: CommentedMap = parent[field]
    # From the last line up, so that the numbers of the lines above stay true.
    if "digest" not in image:
        lines.insert(image.lc.key("tag")[0] + 1, f"{' ' * image.lc.col}digest: {pin.digest}\n")
    for key, value in vars(pin).items():
        if key in image and image[key] != value:
            number, column = image.lc.value(key)
            line = lines[number]
            lines[number] = line[:column] + line[column:].replace(_as_written(line[column:]), value, 1)
    return "".join(lines)


def _as_written(rest: str) -> str:
    """The value at the begin of the rest of a line, with its quotes and without a comment."""
    return rest.split(" #")[0].strip()


def _last_line(block: CommentedMap) -> int:
    """Number of the line on which the last value of a block begins."""
    key = list(block)[-1]
    value: Any = block[key]
    if isinstance(value, CommentedMap) and value:
        return _last_line(value)
    line: int = block.lc.value(key)[0]
    return line
