"""PgBouncer's files in the folder that both containers share: in memory, for its user only, each exchanged whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Replace the files, in the order given, after all have been written in full.

    Raises OSError, and then none has changed unless a rename itself failed.
    """
    fresh = {folder / f".{name}.new": folder / name for name in files}
    try:
        for path, text in zip(fresh, files.values(), strict=True):
            _write(path, text)
        for path, target in fresh.items():
            path.replace(target)
    finally:
        for path in fresh:
            with suppress(OSError):
                path.unlink()


def read(folder: Path, names: Mapping[str, str]) -> dict[str, str]:
    """What stands in those of the files that exist."""
    return {name: (folder / name).read_text() for name in names if (folder / name).exists()}


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
