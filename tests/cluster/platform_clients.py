"""Clients of the running platform's PgBouncer: its logins, connections as components make them, what it reports."""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg2

from components.namespace import PLATFORM
from components.network_policy import PGBOUNCER_PORT
from components.pgbouncer import METRICS_PORT, NAME, RUNTIME_ROLE
from tests.cluster.running_platform import RunningPlatform

SIDECAR: Final = "token-refresher"
_OPEN_ANEW: Final = f"""
import psycopg2

console = psycopg2.connect(host="/run/pgbouncer", port={PGBOUNCER_PORT}, user="pgbouncer", dbname="pgbouncer")
console.autocommit = True
for command in ("RECONNECT", "WAIT_CLOSE"):
    console.cursor().execute(command)
"""


@dataclass(frozen=True)
class Clients:
    """Through the Service, from the host, which is routed to it."""

    platform: RunningPlatform

    @cached_property
    def secrets(self) -> dict[str, str]:
        """`namespace/name/key` -> content, of every Secret in the cluster that is text."""
        found: dict[str, str] = {}
        for secret in self.platform.get("secrets"):
            place = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
            for key, value in (secret.get("data") or {}).items():
                found[f"{place}/{key}"] = base64.b64decode(value).decode(errors="replace")
        return found

    @cached_property
    def logins(self) -> dict[str, str]:
        """Login -> password, from the URLs that the components mount."""
        urls = [urlsplit(text) for text in self.secrets.values() if text.startswith("postgresql")]
        return {str(url.username): unquote(url.password or "") for url in urls}

    @cached_property
    def address(self) -> str:
        service = next(each for each in self.platform.get("services", PLATFORM) if each["metadata"]["name"] == NAME)
        return str(service["spec"]["clusterIP"])

    def connect(
        self, login: str, *, alias: str | None = None, password: str | None = None, autocommit: bool = True
    ) -> Any:
        """A psycopg2 connection of that login, to its own alias if no other is named."""
        connection = psycopg2.connect(
            host=self.address,
            port=PGBOUNCER_PORT,
            user=login,
            dbname=alias or login,
            password=password or self.logins.get(login, ""),
            connect_timeout=30,
        )
        connection.autocommit = autocommit
        return connection

    def rows(self, login: str, statement: str) -> list[tuple[Any, ...]]:
        """What one statement of that login gives, over a connection of its own."""
        with closing(self.connect(login)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def serves(self, login: str) -> bool:
        try:
            return self.rows(login, "SELECT current_user::text") == [(login,)]
        except psycopg2.OperationalError:
            return False

    def serves_all(self) -> bool:
        return all(self.serves(login) for login in self.logins)

    def open_anew(self) -> None:
        """Return when PgBouncer has closed each server connection between two transactions, for no client to notice.

        Whoever comes next makes it sign in again.
        """
        for replica in self.replicas():
            self.platform.run_in(PLATFORM, replica, "timeout", "120", "python", "-c", _OPEN_ANEW, container=SIDECAR)

    def replicas(self) -> dict[str, str]:
        """Name -> address of the pods that are not about to leave."""
        pods = self.platform.staying_pods(PLATFORM, f"app.kubernetes.io/name={NAME}")
        return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP")}

    def metrics(self) -> dict[str, dict[str, float]]:
        """Pod -> metric with its labels -> value, as Prometheus would read them now."""
        return {name: _scraped(address) for name, address in self.replicas().items()}

    def of_each_role(self, metric: str) -> list[float]:
        """That metric of every role on every replica; a role that has none yet is left out."""
        names = [f'{metric}{{role="{login}"}}' for login in self.logins]
        return [found[name] for found in self.metrics().values() for name in names if name in found]

    def said_by_all(self, metric: str) -> list[float]:
        """The same, or nothing unless every role on every replica has one."""
        found = self.of_each_role(metric)
        return found if len(found) == len(self.logins) * self.platform.session.settings.pgbouncer.replicas else []

    def pools(self) -> Mapping[str, int]:
        """Role -> the most server connections that all replicas together may open for it."""
        settings = self.platform.session.settings
        most = {RUNTIME_ROLE: settings.pgbouncer.metadata_pool_size + settings.pgbouncer.reserve_pool_size}
        for slug, tenant in settings.tenants.items():
            most[f"ariel_dagproc_{slug}"] = tenant.pools.processor
            most[f"ariel_trigger_{slug}"] = tenant.pools.triggerer
        return {role: size * settings.pgbouncer.replicas for role, size in most.items()}

    def server_connections(self) -> dict[str, int]:
        """Role -> connections that the server has for it now."""
        counted = self.platform.sql("SELECT usename, count(*) FROM pg_stat_activity WHERE usename <> '' GROUP BY 1")
        return {role: int(count) for role, count in counted if role in self.logins}


def _scraped(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}:{METRICS_PORT}/metrics", timeout=30) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
