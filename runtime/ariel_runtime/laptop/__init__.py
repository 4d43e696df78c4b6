"""What `ariel` runs on a laptop, in a process of its own, to work on a team's repository without a cluster."""

from __future__ import annotations

from typing import Final

ENVIRONMENT: Final = "ARIEL_ENVIRONMENT"
LAPTOP: Final = "laptop"
"""What ENVIRONMENT says there."""
