"""One line per property that has a rule: required, kind, allowed values, fixed after creation, never shown."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.arm.errors import Refusal
from sandbox.arm.paths import GUID

MISSING: Any = object()


def _is_cidr(value: Any) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return "/" in value


def _is_address(value: Any) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


KINDS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "guid": lambda value: isinstance(value, str) and bool(GUID.match(value)),
    "cidr": lambda value: isinstance(value, str) and _is_cidr(value),
    "address": lambda value: isinstance(value, str) and _is_address(value),
}

IMMUTABLE = Refusal(400, "PropertyChangeNotAllowed", "Changing property '{path}' is not allowed.")


@dataclass(frozen=True)
class Field:
    """The rule for one property.

    `path` is dotted from the top of the body; `[]` walks a list, `{}` the values of a map. `required` holds where the
    object around the property is given. `one_of` is compared without regard to case. `between` bounds an integer,
    or the length of a list. `default` is what ARM fills in. `fixed` makes it immutable: left out it keeps its value,
    another value is refused with that refusal. `secret` values are stored but never shown.
    """

    path: str
    kind: str = "string"
    required: bool = False
    one_of: tuple[Any, ...] = ()
    between: tuple[int, int] | None = None
    pattern: str | None = None
    default: Any = None
    fixed: Refusal | None = None
    secret: bool = False

    def problem(self, value: Any) -> str | None:
        """Why `value` is refused, or None."""
        if value is MISSING or value is None:
            return "is required" if self.required else None
        if not KINDS[self.kind](value):
            return f"must be of kind {self.kind}"
        if self.one_of and fold(value) not in [fold(allowed) for allowed in self.one_of]:
            return f"has the value '{value}'; allowed are {', '.join(str(allowed) for allowed in self.one_of)}"
        if self.between is not None:
            size = len(value) if isinstance(value, list | str) else value
            if not self.between[0] <= size <= self.between[1]:
                return f"has the value or size {size}; allowed is {self.between[0]} to {self.between[1]}"
        if self.pattern is not None and not re.fullmatch(self.pattern, value, re.ASCII):
            return f"has the value '{value}', which does not match {self.pattern}"
        return None


def fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def walk(body: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """(pointer, value) for every place that `path` reaches; MISSING where only the last step is absent."""
    yield from _walk(body, path.split("."), "")


def _walk(node: Any, steps: list[str], pointer: str) -> Iterator[tuple[str, Any]]:
    step, rest = steps[0], steps[1:]
    name = step.removesuffix("[]").removesuffix("{}")
    here = f"{pointer}.{name}" if pointer else name
    value = node.get(name, MISSING) if isinstance(node, dict) else MISSING
    if name == "properties" and not pointer and value in (MISSING, None):
        value = {}
    if step.endswith("[]") and isinstance(value, list):
        items = [(f"{here}[{i}]", item) for i, item in enumerate(value)]
    elif step.endswith("{}") and isinstance(value, dict):
        items = [(f"{here}.{key}", item) for key, item in value.items()]
    elif name != step:
        return
    else:
        items = [(here, value)]
    for place, item in items:
        if not rest:
            yield place, item
        elif isinstance(item, dict):
            yield from _walk(item, rest, place)


def read(body: dict[str, Any], path: str) -> Any:
    """The value at a dotted path without lists, or None."""
    node: Any = body
    for step in path.split("."):
        if not isinstance(node, dict):
            return None
        node = node.get(step)
    return node


def write(body: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path without lists, making the objects on the way."""
    steps = path.split(".")
    node = body
    for step in steps[:-1]:
        if not isinstance(node.get(step), dict):
            node[step] = {}
        node = node[step]
    node[steps[-1]] = value


def erase(body: dict[str, Any], path: str) -> Any:
    """Take the value at a dotted path without lists out of the body; MISSING when it was not there."""
    above, _, last = path.rpartition(".")
    node = read(body, above) if above else body
    return node.pop(last, MISSING) if isinstance(node, dict) else MISSING


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, object by object; a None takes the member away (JSON merge patch, RFC 7396)."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result
