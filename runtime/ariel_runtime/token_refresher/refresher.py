"""The loop: roles and tokens to files, files to PgBouncer. On any failure PgBouncer keeps what it has."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from ariel_runtime.life import Life
from ariel_runtime.registry import MalformedEntryError, Role, Snapshot, parse_roles
from ariel_runtime.token_refresher import files, memory
from ariel_runtime.token_refresher.configuration import Configuration, Database, acceptable, configuration
from ariel_runtime.token_refresher.console import Console, ConsoleAwayError, ConsoleError
from ariel_runtime.token_refresher.limits import longest_token
from ariel_runtime.token_refresher.renewal import Renewals, retry_pause
from ariel_runtime.tokens import Token, TokenUnavailableError, fresh_token

_LOG = logging.getLogger(__name__)
_TURN_SECONDS: Final = 1.0
_SHORTEST_PAUSE: Final = 0.05
_BATCH: Final = 8
"""Renewals per turn: with an endpoint that never answers, a turn still ends long before the liveness probe's limit."""
_PARALLEL: Final = 4


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the sidecar finds what it needs."""

    database: Database
    base_file: Path
    """PgBouncer's settings without aliases."""
    shared_roles_file: Path
    """Roles that belong to no tenant, in the form of a registry entry's `roles`."""
    folder: Path
    """Shared with PgBouncer, in memory."""


class Refresher:
    """Owns the files in the folder. `latest` gives the registry's state, or None until it has been read."""

    def __init__(
        self,
        place: Place,
        console: Console,
        latest: Callable[[], Snapshot | None],
        *,
        assumed_version: str | None = None,
        fetch: Callable[[str], Token] = fresh_token,
        clock: Callable[[], float] = time.time,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._place = place
        self._console = console
        self._latest = latest
        self._fetch = fetch
        self._clock = clock
        self._draining = draining
        self._random = Random()  # noqa: S311 - jitter
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="token")
        self._shared: dict[str, Role] = {}
        self._roles: dict[str, Role] = {}
        self._version: str | None = None
        self._written: Configuration | None = None
        self._loaded: Configuration | None = None
        self._apply_due = 0.0
        self._refusals_in_a_row = 0
        self.renewals = Renewals(self._random)
        self.limit = longest_token(assumed_version)
        self.reloads = 0
        self.apply_failures = 0
        self._recall()

    def run(self, wake: threading.Event, life: Life) -> None:
        """Turns for ever; `wake` begins the next at once."""
        while True:
            wake.clear()
            self.turn()
            life.ready(self.usable)
            life.beat()
            pause = self.renewals.next_due() - self._clock()
            wake.wait(min(max(pause, _SHORTEST_PAUSE), _TURN_SECONDS))

    def turn(self) -> None:
        """Follow the roles, renew what is due, and bring PgBouncer up to date."""
        self._learn_version()
        self._learn_roles()
        self._renew()
        if not self._draining():
            self._apply()

    @property
    def usable(self) -> bool:
        """Whether PgBouncer's files hold a valid token of each shared role."""
        now = self._clock()
        states = self.renewals.roles
        return bool(self._shared and self._written) and all(states[role].usable(now) for role in self._shared)

    def _recall(self) -> None:
        roles, tokens = memory.recall(self._place.folder)
        now = self._clock()
        self._roles = {role.name: role for role in roles}
        self.renewals.expect({role.name: role.client_id for role in roles})
        for role, token in tokens.items():
            self.renewals.recalled(role, token, now)

    def _learn_version(self) -> None:
        """Once PgBouncer runs, it says itself how long a token may be."""
        if self._version is not None:
            return
        try:
            with self._console.open() as session:
                self._version = session.version()
        except ConsoleError:
            return
        limit = longest_token(self._version)
        _LOG.info("%s keeps tokens of at most %d bytes", self._version, limit)
        if limit < self.limit:
            self.renewals = Renewals(self._random)  # what was longer has been cut: begin anew, and refuse it
        self.limit = limit

    def _learn_roles(self) -> None:
        try:
            self._shared = dict(parse_roles(self._place.shared_roles_file.read_text()))
        except (OSError, MalformedEntryError):
            _LOG.exception("%s is not used", self._place.shared_roles_file)
        snapshot = self._latest()
        if snapshot is not None:
            tenants = {name: role for tenant in snapshot.tenants.values() for name, role in tenant.roles.items()}
            self._roles = {**tenants, **self._shared}
        else:
            self._roles = {**self._roles, **self._shared}
        self.renewals.expect({name: role.client_id for name, role in self._roles.items()})

    def _renew(self) -> None:
        due = self.renewals.due(self._clock())[:_BATCH]
        for role, outcome in zip(due, self._pool.map(self._attempt, due), strict=True):
            now = self._clock()
            if isinstance(outcome, Token):
                self.renewals.renewed(role, outcome, now)
                _LOG.info("%s: new token of %d bytes, for %.0f s", role, len(outcome.value), outcome.expires_on - now)
            else:
                _LOG.error("%s: no new token: %s", role, outcome.reason)
                self.renewals.failed(role, now, outcome.length)

    def _attempt(self, role: str) -> Token | _Refusal:
        try:
            token = self._fetch(self._roles[role].client_id)
        except TokenUnavailableError as error:
            return _Refusal(str(error))
        length = len(token.value.encode())
        if length > self.limit:
            version = self._version or "the expected PgBouncer"
            return _Refusal(
                f"it has {length} bytes, and {version} keeps {self.limit}; PgBouncer 1.26 keeps 65531", length
            )
        if not acceptable(token.value):
            return _Refusal("it holds characters that no bearer token has")
        if token.expires_on <= self._clock():
            return _Refusal("it has expired already")
        return token

    def _apply(self) -> None:
        """Write and reload what changed; a refusal brings the former files back and is tried again later."""
        if self._clock() < self._apply_due:
            return
        try:
            base = self._place.base_file.read_text()
            tokens = {role: token.value for role, token in self.renewals.tokens().items()}
            wanted = configuration(base, self._place.database, self._roles.values(), tokens)
            if wanted == self._loaded or not tokens:
                return
            self._write(wanted)
            self._reload(wanted)
        except ConsoleAwayError:
            return  # PgBouncer reads the files when it starts
        except (OSError, ConsoleError) as error:
            self._refused(error)
        else:
            self._refusals_in_a_row = 0

    def _write(self, wanted: Configuration) -> None:
        if wanted != self._written:
            files.write(self._place.folder, wanted.files)
            memory.remember(self._place.folder, self._roles.values(), self.renewals.tokens())
            self._written = wanted

    def _reload(self, wanted: Configuration) -> None:
        with self._console.open() as session:
            session.reload()
        self._loaded = wanted
        self.reloads += 1

    def _refused(self, error: Exception) -> None:
        self.apply_failures += 1
        self._refusals_in_a_row += 1
        pause = retry_pause(self._refusals_in_a_row, self._random)
        self._apply_due = self._clock() + pause
        _LOG.error("PgBouncer keeps its configuration, next attempt in %.0f s: %s", pause, error)
        if self._loaded is not None and self._written != self._loaded:
            files.write(self._place.folder, self._loaded.files)
            self._written = self._loaded


@dataclass(frozen=True)
class _Refusal:
    """Why an attempt gave no token, and its length if that was the reason."""

    reason: str
    length: int | None = None
