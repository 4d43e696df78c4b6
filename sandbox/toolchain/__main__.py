"""`python -m sandbox.toolchain [TOOL ...]`: make the named tools, or all, available and print where they are."""

from __future__ import annotations

import sys

from sandbox.toolchain import TOOLS, ensure
from stacks.errors import ArielError


def main() -> int:
    """Exit status 0 when all are there, 1 when some cannot be had."""
    try:
        found = ensure(sys.argv[1:] or TOOLS)
    except ArielError as error:
        print(error, file=sys.stderr)
        return 1
    for name, file in found.items():
        print(f"{name}\t{file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
