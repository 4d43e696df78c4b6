"""Azurite in the cache, at the versions and hashes of `package-lock.json` beside this file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from sandbox import paths
from sandbox.locks import exclusive
from sandbox.report import Report
from stacks.errors import MachineError, Problem

_HERE: Final = Path(__file__).resolve().parent
_MANIFESTS: Final = ("package.json", "package-lock.json")
_SCRIPT: Final = Path("node_modules/azurite/dist/src/blob/main.js")
_LAST_LINES: Final = 8


def install(report: Report) -> Path:
    """The script that runs Azurite's blob service with `node`; installed by npm if the cache lacks it.

    Raises MachineError without Node.js or npm, and when npm fails.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        raise MachineError([_absent(program) for program in missing])
    folder = paths.cache() / "azurite"
    home = folder / hashlib.sha256((_HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    if not (home / _SCRIPT).exists():
        with exclusive(folder / "lock", "another command that installs Azurite", report):
            if not (home / _SCRIPT).exists():
                _fetch(folder, home, report)
    return home / _SCRIPT


def _fetch(folder: Path, home: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as name, report.step("Install Azurite"):
        partial = Path(name) / "azurite"
        partial.mkdir()
        for manifest in _MANIFESTS:
            shutil.copy(_HERE / manifest, partial)
        # No package needs its install script; without them nothing that was fetched runs here.
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(command, cwd=partial, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise MachineError([_failed(done.stderr)])
        partial.rename(home)


def _absent(program: str) -> Problem:
    return Problem(
        path=program,
        value="not on PATH",
        rule="Node.js 18 or later with npm: the sandbox's blob storage (Azurite) runs on it",
        action="install them (Debian: `apt-get install nodejs npm`)",
    )


def _failed(said: str) -> Problem:
    last = "\n".join(said.strip().splitlines()[-_LAST_LINES:])
    return Problem(
        path="npm ci",
        value=f"Azurite could not be installed; npm ends with:\n{last}",
        rule="npm fetches the packages of sandbox/blob/package-lock.json",
        action="make the npm registry reachable (`npm config get registry`) and run the command again",
    )
