"""The project that a command works on: that of the current folder, as with `pulumi`."""

from __future__ import annotations

from pathlib import Path

PROJECT_FILE = "Pulumi.yaml"


def find_root(start: Path | None = None) -> Path | None:
    """The nearest folder upwards from `start` (else the current one) that holds a `Pulumi.yaml`, or None."""
    folder = (start or Path.cwd()).resolve()
    return next((place for place in (folder, *folder.parents) if (place / PROJECT_FILE).is_file()), None)
