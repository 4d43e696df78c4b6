"""Tools that the person already has on PATH, taken only when their version fits."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from sandbox.toolchain.tool import Tool
from sandbox.toolchain.version import Version

_ASK_SECONDS: Final = 15
"""A cold start of a 115 MB executable from a slow disk; a tool that hangs must not hang us."""


@dataclass(frozen=True)
class Finding:
    """What PATH holds of a tool: `file` is None when nothing does, `version` when it says none of use."""

    file: Path | None
    version: Version | None


def look(tool: Tool) -> Finding:
    """Find the tool on PATH and ask for its version."""
    file = shutil.which(tool.name)
    return Finding(None, None) if file is None else Finding(Path(file), _ask(file, tool.version_arguments))


def fitting(tool: Tool) -> Path | None:
    """The executable on PATH if its version is accepted."""
    finding = look(tool)
    return finding.file if finding.version is not None and finding.version in tool.accepted else None


@lru_cache
def _ask(file: str, arguments: tuple[str, ...]) -> Version | None:
    environment = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(
            [file, *arguments],
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Version.first_in(answer.stdout)
