"""Take tools out of Debian packages with the machine's own apt, which verifies them; nothing is installed."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sandbox.report import Report
from sandbox.toolchain.attempt import AttemptError
from sandbox.toolchain.tool import DebianPackages


def unpack(tool: str, packages: DebianPackages, folder: Path, report: Report) -> dict[str, Path]:
    """Download the packages into `folder` and return the files to install by name. Raises AttemptError."""
    if lacking := [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]:
        raise AttemptError(f"Debian: no {' and no '.join(lacking)} on this machine")
    with report.step(f"Get {tool} from Debian"):
        _download(packages.names, folder)
        tree = folder / "tree"
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(package), str(tree)], folder)
    files = {file.name: file.resolve() for file in sorted(tree.rglob("*")) if _wanted(file, tree, packages.files)}
    if tool not in files:
        raise AttemptError(f"Debian: {packages.names[0]} holds no {tool}")
    return files


def _download(names: Sequence[str], folder: Path) -> None:
    try:
        _run(["apt-get", "download", *names], folder)
    except AttemptError:
        # The machine's lists are absent (as in most container images) or older than the archive: use lists of our own.
        (folder / "lists" / "partial").mkdir(parents=True)
        private = ("-o", f"Dir::State::lists={folder / 'lists'}")
        _run(["apt-get", *private, "update"], folder)
        _run(["apt-get", *private, "download", *names], folder)


def _wanted(file: Path, tree: Path, patterns: Sequence[str]) -> bool:
    inner = str(file.relative_to(tree))
    return file.is_file() and any(fnmatch.fnmatchcase(inner, pattern) for pattern in patterns)


def _run(command: Sequence[str], folder: Path) -> None:
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if answer.returncode != 0:
        raise AttemptError(f"Debian: `{' '.join(command[:2])}` failed: {answer.stderr.strip()[-300:]}")
