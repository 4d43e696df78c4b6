"""What the cluster needs to know of one of its processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from sandbox.cluster.folder import ClusterFolder


@dataclass(frozen=True, kw_only=True)
class Component:
    """One process of the cluster; the name is also that of its tool, log, record and port."""

    name: str
    arguments: Callable[[ClusterFolder], list[str]]
    """The command line after the executable."""
    health: Callable[[ClusterFolder], str]
    """URL that the administrator asks whether the component works."""
    stop_seconds: float
    """How long it may take to end after SIGTERM."""
    answers: Callable[[httpx.Response], bool] = lambda response: response.status_code == httpx.codes.OK
    """Whether an answer of that URL says that it does."""
    listens: bool = True
    """Whether it listens on a kept port of its name."""
    working_folder: Callable[[ClusterFolder], Path] = lambda folder: folder.root
