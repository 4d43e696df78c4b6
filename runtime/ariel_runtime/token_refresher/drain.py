"""How a PgBouncer leaves: its container's preStop hook asks by a file, and its clients move to another replica.

The hook cannot do it alone: the image holds no client for the console.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from ariel_runtime.token_refresher.console import Console, ConsoleError

REQUEST: Final = "drain"
"""File in the shared folder that the hook makes."""

_LOG = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.1
_IDLE_SECONDS: Final = 0.2
"""Between two transactions. Longer than the moment between a pool's pre-ping and its query."""
_PATIENCE_SECONDS: Final = 40.0
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
        """In one session: PgBouncer counts it as a client, and up to 1.24 takes no second one."""
        with self._console.open() as session:
            session.end_when_clients_have_left(_IDLE_SECONDS)
            _LOG.info("Draining: PgBouncer takes no new clients")
            deadline = time.monotonic() + self._patience
            while (clients := session.clients()) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if clients:
                _LOG.warning("%d clients were never idle; they are cut after their transactions", clients)
                session.end_when_transactions_have_ended()
        _LOG.info("Drained")
