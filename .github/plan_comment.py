"""Writes the comment of a pull request from the plans of `ariel preview --json`. Standard library only.

usage: python3 .github/plan_comment.py FOLDER

FOLDER holds `<stack>-current.json` and `<stack>-proposed.json` for each stack. Both plans begin with an empty Azure, so
their difference is which resources come and go; a value that changes inside a resource shows in the live plan only.
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
"""Resources named per list: GitHub refuses a comment of more than 65,536 characters."""

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
    lines.append("Planned on the emulated Azure, from nothing. Values that change inside a resource are not listed.")
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


def _count(resources: set[tuple[str, str]], word: str) -> str:
    return f"{len(resources) or 'none'} {word}"


def _list(title: str, resources: set[tuple[str, str]]) -> Iterator[str]:
    yield f"<details><summary>{title}: {_by_type(kind for kind, _ in resources)}</summary>"
    yield ""
    named = sorted(resources)
    yield from (f"- `{kind}` {name}" for kind, name in named[:LONGEST_LIST])
    if len(named) > LONGEST_LIST:
        yield f"- and {len(named) - LONGEST_LIST} more"
    yield ""
    yield "</details>"
    yield ""


def _by_type(kinds: Iterable[str]) -> str:
    counted = Counter(kind.rsplit(":", 1)[-1] for kind in kinds)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))


if __name__ == "__main__":
    print(comment(Path(sys.argv[1])), end="")
