"""Entrance of the command: finds the project of the current folder, so that its own code is what runs."""

from __future__ import annotations

import sys

from cli.project import find_root


def main() -> None:
    root = find_root()
    if root is not None and (root / "infra" / "program.py").exists():
        sys.path.insert(0, str(root))
    from cli.app import run

    sys.exit(run())
