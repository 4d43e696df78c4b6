"""How often a tenant's webhook was called without a valid proof: in this process, within this minute.

Counted in memory, since a row for each would cost the database more than the guess itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final
from zlib import crc32

MOST_PER_MINUTE: Final = 30
"""Of one tenant: a pipeline with a key of yesterday, tried again now and then, stays below it."""
MINUTE: Final = 60
_COUNTS: Final = 4096


class Guesses:
    """Counts by the name that was called, for one thread.

    Whoever calls may invent names without end, so they share a fixed number of counts. A count belongs to a name, not
    to a tenant: it tells nobody which tenants there are.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._minute = 0
        self._counts: Counter[int] = Counter()

    def add(self, name: str) -> bool:
        """Count one more, and say whether they are too many now."""
        minute = int(self._clock() // MINUTE)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        count = crc32(name.encode(errors="replace")) % _COUNTS
        self._counts[count] += 1
        return self._counts[count] > MOST_PER_MINUTE
