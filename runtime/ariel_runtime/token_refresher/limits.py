"""How long a password PgBouncer can keep: its `MAX_PASSWORD`, which changed with 1.26."""

from __future__ import annotations

import re
from typing import Final

SMALLEST_LIMIT: Final = 2_047
"""Bytes, up to 1.25; what is assumed of an unknown version. One more is cut off without a word and refused by the
server as a wrong password."""
_LIMIT_FROM_1_26: Final = 65_531


def longest_token(version: str | None) -> int:
    """Bytes of the longest token for a PgBouncer that calls itself `version` (`1.24.1`, `PgBouncer 1.26.0`)."""
    found = re.search(r"(\d+)\.(\d+)", version or "")
    if found and (int(found[1]), int(found[2])) >= (1, 26):
        return _LIMIT_FROM_1_26
    return SMALLEST_LIMIT
