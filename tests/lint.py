"""`make lint`: every check that reads the code without running it. Exit status 1 when one of them complains."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m"]
CHECKS: dict[str, list[str]] = {
    "rules": [*PYTHON, "ruff", "check", "--quiet", "."],
    "format": [*PYTHON, "ruff", "format", "--quiet", "--check", "."],
    "types": [*PYTHON, "mypy"],
    "workflows": [*PYTHON, "tests.workflows"],
}


def main() -> int:
    """Runs all of them, also after the first complaint."""
    return max(run(name, command) for name, command in CHECKS.items())


def run(name: str, command: list[str]) -> int:
    begun = time.monotonic()
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    good = outcome.returncode == 0
    print(f"{name}: {'ok' if good else 'FAILED'} ({time.monotonic() - begun:.1f} s)", flush=True)
    if not good:
        print(outcome.stdout + outcome.stderr, flush=True)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
