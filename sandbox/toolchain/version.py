"""Versions of tools: three numbers, and the range of them that ariel accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_FIRST_VERSION: Final = re.compile(r"\bv?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, order=True)
class Version:
    """A released version; pre-releases are not versions here."""

    major: int
    minor: int
    patch: int

    @classmethod
    def first_in(cls, text: str) -> Self | None:
        """The first version that a tool printed; None when there is none, or when it is a pre-release or a wrapper.

        Wrappers of vendors (`v1.32.4-dispatcher`) choose another binary at run time, so what they print binds nothing.
        """
        match = _FIRST_VERSION.search(text)
        if match is None or match[4]:
            return None
        return cls(*(int(part) for part in match.groups()[:3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Range:
    """Versions from `minimum` on and below `limit`."""

    minimum: Version
    limit: Version

    def __contains__(self, version: Version) -> bool:
        return self.minimum <= version < self.limit

    def __str__(self) -> str:
        return f">= {self.minimum}, < {self.limit}"
