"""Loopback ports for what tests start."""

from __future__ import annotations

import itertools
import os
import secrets
from typing import Final

from sandbox.ports import RANGE, busy

_WORKERS: Final = 4
_SHARE: Final = (RANGE.start - 10_000) // _WORKERS
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_FIRST: Final = 10_000 + _WORKER * _SHARE
_OFFSET: Final = secrets.randbelow(_SHARE)
_CANDIDATES: Final = (_FIRST + (_OFFSET + index) % _SHARE for index in itertools.count())


def free_port() -> int:
    """One that nobody listens at, and that no other call is given, in this process of pytest or in another.

    From below the range in which the sandbox and the kernel choose theirs: nobody takes it before it is used.
    """
    return next(port for port in _CANDIDATES if not busy(port))
