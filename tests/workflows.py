"""The `workflows` check of `make lint`: what GitHub would refuse or run differently than it reads, here and in what a
team begins with.

actionlint judges the workflows; ariel's own rule judges which foreign actions they run: pinned by commit, with the
version that the commit is said to be. Exit status 1 when one of them complains.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from sandbox import toolchain
from stacks.errors import ArielError
from stacks.starter import STARTER

ROOT: Final = Path(__file__).resolve().parent.parent
GITHUB: Final = ROOT / ".github"
LINTERS_OFF: Final = ("-shellcheck=", "-pyflakes=")
"""actionlint asks these two where they happen to be installed; the verdict must not depend on the machine."""

_USES: Final = re.compile(r"^\s*(?:-\s+)?uses:\s*(\S+)(.*)$")
_PINNED: Final = re.compile(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$")
_VERSION: Final = re.compile(r"^\s+# v\d+\.\d+\.\d+$")


def main() -> int:
    """0 when nobody complains, else 1."""
    workflows = sorted([*(GITHUB / "workflows").glob("*.yml"), *(STARTER / ".github" / "workflows").glob("*.yml")])
    actions = sorted((GITHUB / "actions").glob("*/action.yml"))
    complaints = [*unpinned([*workflows, *actions]), *_actionlint(workflows)]
    if not workflows:
        complaints.append(f"{GITHUB / 'workflows'}: no workflow found")
    print("\n".join(complaints), end="\n" if complaints else "")
    return int(bool(complaints))


def unpinned(files: Iterable[Path]) -> Iterator[str]:
    """One line per foreign action that is not pinned by commit and version; actions of this repository (`./`) pass."""
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            used = _USES.match(line)
            if used is None or used[1].startswith("./"):
                continue
            if not _PINNED.match(used[1]) or not _VERSION.match(used[2]):
                yield f"{file}:{number}: {used[1]}: write `owner/action@<commit, 40 digits> # v<major.minor.patch>`"


def _actionlint(workflows: list[Path]) -> list[str]:
    try:
        command = toolchain.ensure(["actionlint"])["actionlint"]
    except ArielError as error:
        return [str(error)]
    answer = subprocess.run(
        [command, "-no-color", *LINTERS_OFF, *workflows], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [] if answer.returncode == 0 else [answer.stdout + answer.stderr]


if __name__ == "__main__":
    sys.exit(main())
