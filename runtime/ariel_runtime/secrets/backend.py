"""Airflow's secrets backend in a tenant's task pods and triggerer: the vault, then the files of its repository.

Each secret is read once and then remembered for a while. Before a task counts as running its pod looks up the
connections of its logs and its bundle, which the platform gives it: no question for those reaches the vault.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import structlog
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from airflow.sdk.log import mask_secret
from airflow.sdk.observability import stats
from airflow.secrets import BaseSecretsBackend

from ariel_runtime.environment import ENVIRONMENT
from ariel_runtime.refusal import Problem, RefusedError
from ariel_runtime.secrets.names import PLATFORM_CONNECTIONS, Kind, secret_name
from ariel_runtime.secrets.repository_files import CONNECTIONS, RepositoryFiles, fetch

if TYPE_CHECKING:
    from ariel_runtime.secrets.key_vault import TenantKeyVault

FOUND_SECONDS: Final = 300.0
"""How long a value is remembered: a task that lasts longer sees a secret that was rotated meanwhile."""
ABSENT_SECONDS: Final = 30.0
"""How long it is remembered that there is none, so that a triggerer, which lasts for weeks, soon sees a new one."""
LOOKUPS: Final = "ariel.secrets.lookups"
"""Counter, with the tags `kind` and `answer`: vault, repository, absent, remembered, refused."""

_LOG = structlog.get_logger(__name__)


class RefusedSecretError(AirflowSecretsBackendAccessDenied):
    """What was asked for cannot be a secret of this tenant's, or what is there is no connection."""


class TenantSecretsBackend(BaseSecretsBackend):
    """`owner` begins the tenant's names in the vault (`names.owner_prefix`); `repository` has `url` and `branch`.

    The provider's libraries are imported at the first question for the vault: a start of a task needs none of them.
    """

    def __init__(self, *, vault_url: str, owner: str, repository: Mapping[str, str]) -> None:
        self._vault_url = vault_url
        self._owner = owner
        self._repository = repository
        self._remembered: dict[str, tuple[float, str | None]] = {}
        self._files: tuple[float, RepositoryFiles] = (0.0, RepositoryFiles())
        # One for each id, so that a slow answer holds up nobody who asks for another; and one for the clone.
        self._asking: dict[str, threading.Lock] = {}
        self._cloning = threading.Lock()

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """A connection as URI or JSON; None where there is none. Raises AirflowSecretsBackendAccessDenied."""
        return None if conn_id in PLATFORM_CONNECTIONS else self._value(Kind.CONNECTION, conn_id)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Raises AirflowSecretsBackendAccessDenied."""
        return self._value(Kind.VARIABLE, key)

    def get_secret(self, name: str) -> str | None:
        """A plain secret, which is neither. Raises AirflowSecretsBackendAccessDenied."""
        return self._value(Kind.SECRET, name)

    def setting_of(self, kind: Kind, identifier: str) -> str:
        """What who misses it does."""
        return f"`ariel secrets set {kind} {identifier}`"

    def mask(self, value: str) -> None:
        """In every log of this process, whatever the name; line by line too, as a log cuts what is printed."""
        for part in {value, *value.splitlines()}:
            mask_secret(part)

    def deserialize_connection(self, conn_id: str, value: str) -> Any:
        """Airflow would ask its next source where a value is no connection; and its error shows the value."""
        try:
            connection = super().deserialize_connection(conn_id, value)
            # Airflow does so next, where an error would lead it to its next source.
            connection.get_uri()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends here
            fault = type(error).__name__
        else:
            if connection.conn_type:
                return connection
            fault = "without a type"
        problem = Problem(
            path=f"connection {conn_id} of the team",
            value=f"<{len(value)} characters>",
            rule=f"a connection as URI or JSON ({fault})",
            action=f"set it anew: {self.setting_of(Kind.CONNECTION, conn_id)}, or correct it in {CONNECTIONS}",
        )
        raise RefusedSecretError(str(problem))

    def _value(self, kind: Kind, identifier: str) -> str | None:
        key = f"{kind} {identifier}"
        with self._asking.setdefault(key, threading.Lock()):
            until, value = self._remembered.get(key, (0.0, None))
            if time.monotonic() < until:
                _count(kind, "remembered")
                return value
            try:
                value, source = self._looked_up(kind, identifier)
            except Exception as error:
                _count(kind, "refused")
                if isinstance(error, AirflowSecretsBackendAccessDenied):
                    raise
                # At any other error Airflow would ask its next source.
                raise RefusedSecretError(f"{kind} {identifier} was not looked up: {error}") from error
            _count(kind, source)
            lasts = ABSENT_SECONDS if value is None else FOUND_SECONDS
            self._remembered[key] = (time.monotonic() + lasts, value)
        return value

    def _looked_up(self, kind: Kind, identifier: str) -> tuple[str | None, str]:
        """The value, and who had it."""
        if (value := self._in_vault(kind, identifier)) is not None:
            return value, "vault"
        if (value := self._in_repository(kind, identifier)) is not None:
            return value, "repository"
        return None, "absent"

    def _in_vault(self, kind: Kind, identifier: str) -> str | None:
        name = secret_name(self._owner, kind, identifier)
        if name is None:
            return None
        started = time.monotonic()
        value = self._vault.read(name)
        milliseconds = round((time.monotonic() - started) * 1000)
        if value is not None:
            self.mask(value)
        found = "found" if value is not None else "absent"
        _LOG.info("Asked the vault", kind=str(kind), id=identifier, answer=found, milliseconds=milliseconds)
        return value

    def _in_repository(self, kind: Kind, identifier: str) -> str | None:
        if kind is Kind.SECRET:
            return None
        files = self._newest_files()
        if kind is Kind.VARIABLE:
            return files.variables.get(identifier)
        return files.connection(identifier, lambda name: self._secret_of(identifier, name))

    def _secret_of(self, conn_id: str, name: str) -> str:
        if (value := self.get_secret(name)) is not None:
            return value
        path = f"{CONNECTIONS}: connections.{conn_id}"
        rule, action = f"a secret in {self._vault_url}", self.setting_of(Kind.SECRET, name)
        raise RefusedError([Problem(path=path, value=name, rule=rule, action=action)])

    def _newest_files(self) -> RepositoryFiles:
        with self._cloning:
            until, files = self._files
            if time.monotonic() >= until:
                files = fetch(self._repository["url"], self._repository["branch"], os.environ[ENVIRONMENT])
                self._files = (time.monotonic() + ABSENT_SECONDS, files)
        return files

    @cached_property
    def _vault(self) -> TenantKeyVault:
        from ariel_runtime.secrets.key_vault import TenantKeyVault

        return TenantKeyVault(self._vault_url)


def _count(kind: Kind, answer: str) -> None:
    stats.incr(LOOKUPS, tags={"kind": str(kind), "answer": answer})
