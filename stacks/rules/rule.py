"""The shape of a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stacks.errors import Problem
from stacks.settings import Settings


@dataclass(frozen=True)
class Rule:
    """A check of valid settings that yields one problem per offence.

    `reads` are the paths whose values it judges (`network`, `database.sku`). Where one of them could not be read, the
    rule is left out: it would judge a default which nobody wrote.
    """

    check: Callable[[Settings], Iterator[Problem]]
    reads: tuple[str, ...] = ()
