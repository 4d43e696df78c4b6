"""Prints what each resource of a stack is given, as JSON: `python -m tests.graph_values STACK`.

From the recording, so without engine and account. Of a secret only that it is one is shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

from tests.harness import Path, Recorded
from tests.recordings import graph_of

HIDDEN: Final = "[secret]"


def values_of(stack: str) -> dict[str, dict[str, Any]]:
    """`<type> <name>` -> dotted path of an input -> its value; components have no inputs of their own."""
    return {f"{each.type} {each.name}": dict(_leaves(each)) for each in graph_of(stack).resources if each.custom}


def _leaves(resource: Recorded) -> Iterator[tuple[str, Any]]:
    def walk(value: Any, path: Path) -> Iterator[tuple[str, Any]]:
        if path in resource.secrets:
            yield ".".join(map(str, path)), HIDDEN
        elif isinstance(value, dict) and value:
            for key, inner in value.items():
                yield from walk(inner, (*path, key))
        elif isinstance(value, list) and value:
            for index, inner in enumerate(value):
                yield from walk(inner, (*path, index))
        else:
            yield ".".join(map(str, path)), value

    return walk(resource.inputs, ())


if __name__ == "__main__":
    print(json.dumps(values_of(sys.argv[1]), indent=1, sort_keys=True))
