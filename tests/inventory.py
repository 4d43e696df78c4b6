"""The planned graph of each shipped stack as text: what a change does is reviewed as its diff.

`python -m tests.inventory` writes all of them anew; a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests import recordings
from tests.harness import Graph, Recorded

FOLDER: Final = Path(__file__).parent / "inventories"
COMMAND: Final = "python -m tests.inventory"


def inventory(graph: Graph) -> str:
    """One line per resource, below its parent: type, logical name, physical name, protection.

    The order is that of names, so a new resource is one new line. Ids that Azure would make are the harness's own.
    """
    children: dict[str | None, list[Recorded]] = {}
    for each in graph.resources:
        children.setdefault(each.parent, []).append(each)
    lines: list[str] = []

    def write(parent: str | None, depth: int) -> None:
        for each in sorted(children.get(parent, []), key=lambda one: (one.name, one.type)):
            lines.append("  " * depth + _line(each))
            write(each.urn, depth + 1)

    write(None, 0)
    return "\n".join([f"# Stack {graph.stack}: {len(lines)} resources. Written by `{COMMAND}`.", *lines, ""])


def _line(resource: Recorded) -> str:
    marks = [
        mark
        for mark, given in {"protected": resource.protect, "kept on removal": resource.retain_on_delete}.items()
        if given
    ]
    parts = [resource.type.removeprefix("azure-native:"), resource.name]
    if resource.custom and not resource.type.startswith(("random:", "pulumi:")):
        parts.append(f"= {_physical(resource)}")
    return " ".join(parts) + (f" [{', '.join(marks)}]" if marks else "")


def _physical(resource: Recorded) -> str:
    """The own name in Azure, `namespace/name` in the cluster."""
    return resource.id.rsplit("/", 1)[-1] if resource.id.startswith("/") else resource.id


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for stack in recordings.STACKS:
        (FOLDER / f"{stack}.txt").write_text(inventory(recordings.graph_of(stack)), encoding="utf-8")


if __name__ == "__main__":
    main()
