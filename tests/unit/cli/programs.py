"""Programs that note how they were called and do no more than a script says."""

from __future__ import annotations

from pathlib import Path


def stand_in(folder: Path, name: str, script: str) -> None:
    """An executable in `folder`; the calls of all programs there stand in its file `calls`."""
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\n{script}\n')
    file.chmod(0o755)


def calls(folder: Path, begin: str = "") -> list[str]:
    """Those that begin so."""
    return [call for call in (folder / "calls").read_text().splitlines() if call.startswith(begin)]
