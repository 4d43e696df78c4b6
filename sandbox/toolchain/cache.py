"""The tools that were fetched or built, outside the repository, by version: `tools/<name>/<version>/<name>`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sandbox import paths
from sandbox.toolchain.tool import Tool

_PARTIAL = ".partial-"


def folder() -> Path:
    """The folder of all tools."""
    return paths.cache() / "tools"


def lock() -> Path:
    """The lock that who changes the cache holds."""
    return folder() / "lock"


def cached(tool: Tool) -> Path | None:
    """The executable in the cache; None when it is not there."""
    file = _home(tool) / tool.name
    return file if file.is_file() else None


def install(tool: Tool, files: Mapping[str, Path]) -> Path:
    """Move the files, by name, into the cache, all or none; one of them is the executable. Needs the lock."""
    home = _home(tool)
    home.parent.mkdir(parents=True, exist_ok=True)
    for abandoned in home.parent.glob(f"{_PARTIAL}*"):
        shutil.rmtree(abandoned)
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=home.parent))
    for name, source in files.items():
        target = partial / name
        shutil.move(source, target)
        target.chmod(0o755)
    partial.chmod(0o755)
    # Without its executable an earlier folder of that version is a remainder.
    shutil.rmtree(home, ignore_errors=True)
    partial.rename(home)
    return home / tool.name


def _home(tool: Tool) -> Path:
    return folder() / tool.name / str(tool.version)
