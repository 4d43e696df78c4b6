"""Writes the comment of a pull request from the plans of `ariel preview --json`. Standard library only.

usage: python3 .github/plan_comment.py FOLDER

FOLDER holds for each stack and side (`current`, `proposed`) a plan `<stack>-<side>.json` and what each resource is
given, `<stack>-<side>-values.json` (`python -m tests.graph_values`). Both plans begin with an empty Azure, so their
difference is which resources come and go; which of the others change is in the values.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

MARKER = "<!-- ariel plan -->"
"""First line of the comment, by which the next run finds it."""
LONGEST_LIST = 100
"""Lines per list: GitHub refuses a comment of more than 65,536 characters."""
LONGEST_VALUE = 60

CURRENT, PROPOSED = "current", "proposed"


def comment(folder: Path) -> str:
    """The comment as Markdown. Raises FileNotFoundError where one of a stack's two plans is missing."""
    stacks = sorted(file.name.removesuffix(f"-{PROPOSED}.json") for file in folder.glob(f"*-{PROPOSED}.json"))
    if not stacks:
        raise FileNotFoundError(f"{folder}: no plan `<stack>-{PROPOSED}.json`")
    lines = [MARKER, "## What this pull request changes", ""]
    for stack in stacks:
        before, after = (_resources(folder / f"{stack}-{side}.json") for side in (CURRENT, PROPOSED))
        lines += _section(stack, before, after)
        lines += _changes(*(_values(folder / f"{stack}-{side}-values.json") for side in (CURRENT, PROPOSED)))
    lines.append("Planned on the emulated Azure. What differs from this in the real one shows in a live plan.")
    return "\n".join(lines) + "\n"


def _resources(file: Path) -> set[tuple[str, str]]:
    """Type and logical name of each resource of a plan; components only group others, so they do not count."""
    steps = json.loads(file.read_text())["steps"]
    pairs = {tuple(step["urn"].split("::")[2:4]) for step in steps}
    return {(kind.rsplit("$", 1)[-1], name) for kind, name in pairs if not kind.rsplit("$", 1)[-1].startswith("ariel:")}


def _section(stack: str, before: set[tuple[str, str]], after: set[tuple[str, str]]) -> Iterator[str]:
    made, gone = after - before, before - after
    yield f"### {stack}: {_count(made, 'more')}, {_count(gone, 'fewer')}, {len(after)} in all"
    yield ""
    for title, changed in (("Made", made), ("Deleted", gone)):
        if changed:
            yield from _list(title, changed)


def _values(file: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads(file.read_text()))


def _changes(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]]) -> Iterator[str]:
    """One line per value that a resource of both sides is given differently."""
    found = [
        f"- `{resource}`: `{path}` {_short(before[resource].get(path))} → {_short(after[resource].get(path))}"
        for resource in sorted(before.keys() & after.keys())
        for path in sorted(before[resource].keys() | after[resource].keys())
        if before[resource].get(path) != after[resource].get(path)
    ]
    if found:
        yield from _folded(f"Changed: {len(found)} {'value' if len(found) == 1 else 'values'}", found)


def _short(value: object) -> str:
    """The value in one line of code; `-` where there is none."""
    if value is None:
        return "-"
    text = " ".join(str(value).replace("`", "'").split())
    return f"`{text[:LONGEST_VALUE]}…`" if len(text) > LONGEST_VALUE else f"`{text}`"


def _count(resources: set[tuple[str, str]], word: str) -> str:
    return f"{len(resources) or 'none'} {word}"


def _list(title: str, resources: set[tuple[str, str]]) -> Iterator[str]:
    counted = f"{title}: {_by_type(kind for kind, _ in resources)}"
    yield from _folded(counted, [f"- `{kind}` {name}" for kind, name in sorted(resources)])


def _folded(title: str, lines: list[str]) -> Iterator[str]:
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from lines[:LONGEST_LIST]
    if len(lines) > LONGEST_LIST:
        yield f"- and {len(lines) - LONGEST_LIST} more"
    yield ""
    yield "</details>"
    yield ""


def _by_type(kinds: Iterable[str]) -> str:
    counted = Counter(kind.rsplit(":", 1)[-1] for kind in kinds)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))


if __name__ == "__main__":
    print(comment(Path(sys.argv[1])), end="")
