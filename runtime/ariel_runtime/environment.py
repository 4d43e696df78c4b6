"""The environment that a process runs in: the name of a stack, or a laptop without a cluster."""

from __future__ import annotations

from typing import Final

ENVIRONMENT: Final = "ARIEL_ENVIRONMENT"
"""Variable that holds the name; code of tenants reads it too."""
LAPTOP: Final = "laptop"
"""What it says on a laptop, as in `variables.laptop.yaml`."""
