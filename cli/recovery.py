"""After a killed engine: what it left behind is put right before the next one starts."""

from __future__ import annotations

from cli.engine import Engine


def recover(engine: Engine) -> None:
    """Nothing to do where the last run ended by itself."""
