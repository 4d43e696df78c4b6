"""Numbers that ARM enforces, and the token buckets that enforce the rates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.arm.errors import ArmError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes and rates; the faults file may shrink them under "limits".

    Rates: ARM's subscription limits (bucket of 200 writes refilled with 10 per second, the same for deletes).
    Counts: Azure subscription and service limits, role assignments 4,000 per subscription, federated credentials 20
    per identity, diagnostic settings 5 per resource, tags 50 per resource.
    `replication_seconds`: how long Entra needs until a new service principal is known everywhere; minutes in life.
    """

    write_burst: int = 200
    writes_per_second: float = 10.0
    delete_burst: int = 200
    deletes_per_second: float = 10.0
    role_assignments: int = 4000
    federated_credentials: int = 20
    diagnostic_settings: int = 5
    tags: int = 50
    replication_seconds: float = 1.0


class TokenBucket:
    """`burst` tokens at most, `rate` new ones per second."""

    def __init__(self, burst: int, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._tokens, self._seen = float(burst), clock()

    @property
    def remaining(self) -> int:
        return math.floor(self._tokens)

    def take(self, what: str) -> None:
        """Raises ArmError 429 with Retry-After in whole seconds when the bucket is empty."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens < 1:
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{what}' requests for the subscription exceeded the limit. Please try again later.",
                retry_after=max(1, math.ceil((1 - self._tokens) / self._rate)),
            )
        self._tokens -= 1
