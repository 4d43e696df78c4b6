"""How a PgBouncer leaves: its container's preStop hook asks by a file, and its clients move to another replica.

The hook cannot do it alone: the image holds no client for the console.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from ariel_runtime.token_refresher.console import Console, ConsoleAwayError, ConsoleError

REQUEST: Final = "drain"
"""File in the shared folder that the hook makes."""

_LOG = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.5
_IDLE_SECONDS: Final = 1
_PATIENCE_SECONDS: Final = 40
"""For clients that are never idle; then each is cut after its transaction. The hook gives a minute in all."""


class Drain:
    """Waits for the request in a thread and carries it out."""

    def __init__(self, folder: Path, console: Console, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._request = folder / REQUEST
        self._console = console
        self._patience = patience
        self.active = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="drain", daemon=True).start()

    def _run(self) -> None:
        while True:
            if self._request.exists():
                self._request.unlink()
                self.active = True
                try:
                    self._drain()
                except ConsoleError:
                    _LOG.exception("PgBouncer could not be drained")
                self.active = False
            time.sleep(_POLL_SECONDS)

    def _drain(self) -> None:
        """Ends when PgBouncer has ended, or has been told to end with its last transaction."""
        _LOG.info("Draining: PgBouncer takes no new clients")
        self._console.end_when_clients_have_left(_IDLE_SECONDS)
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            try:
                self._console.version()
            except ConsoleAwayError:
                _LOG.info("Drained: all clients have left")
                return
        _LOG.warning("Some clients were never idle; they are cut after their transaction")
        self._console.end_when_transactions_have_ended()
