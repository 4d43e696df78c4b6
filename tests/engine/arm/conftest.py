from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.arm.cloud import GROUP, Cloud, running


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud without anything."""
    with running(tmp_path) as cloud:
        yield cloud


@pytest.fixture
def cloud(bare: Cloud) -> Cloud:
    """A cloud with one resource group."""
    bare.made(GROUP, {"location": "westeurope"})
    return bare
