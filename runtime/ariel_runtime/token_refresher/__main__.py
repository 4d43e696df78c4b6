"""`python -m ariel_runtime.token_refresher`: the sidecar, told by its environment where everything is.

ARIEL_DATABASE_HOST, ARIEL_DATABASE_NAME    the server, and the database on it
ARIEL_REGISTRY_NAMESPACE                    of the tenants' ConfigMaps
ARIEL_PGBOUNCER_BASE                        file with PgBouncer's settings, without aliases
ARIEL_PGBOUNCER_RUNTIME_ROLE                file with the shared roles
ARIEL_PGBOUNCER_FOLDER                      shared with PgBouncer
ARIEL_PGBOUNCER_VERSION                     optional: assumed for the length of tokens until PgBouncer runs
ARIEL_METRICS_PORT                          of the Prometheus endpoint
"""

from __future__ import annotations

import configparser
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from prometheus_client import REGISTRY, start_http_server

from ariel_runtime.json_logs import log_as_json
from ariel_runtime.kubernetes_api import KubernetesApi
from ariel_runtime.life import Life
from ariel_runtime.registry import Follower, Snapshot, TenantRegistry
from ariel_runtime.token_refresher.configuration import Database
from ariel_runtime.token_refresher.console import Console
from ariel_runtime.token_refresher.drain import Drain
from ariel_runtime.token_refresher.metrics import RefresherMetrics
from ariel_runtime.token_refresher.refresher import Place, Refresher


def main() -> None:
    log_as_json()
    signal.signal(signal.SIGTERM, _end)
    environment = os.environ
    place = Place(
        database=Database(environment["ARIEL_DATABASE_HOST"], environment["ARIEL_DATABASE_NAME"]),
        base_file=Path(environment["ARIEL_PGBOUNCER_BASE"]),
        shared_roles_file=Path(environment["ARIEL_PGBOUNCER_RUNTIME_ROLE"]),
        folder=Path(environment["ARIEL_PGBOUNCER_FOLDER"]),
    )
    wake = threading.Event()
    registry = TenantRegistry(KubernetesApi.of_this_pod(), environment["ARIEL_REGISTRY_NAMESPACE"])
    follower = Follower(registry, lambda _: wake.set())

    def latest() -> Snapshot | None:
        if not follower.alive:
            raise RuntimeError("the tenant registry is no longer followed")
        return follower.latest if follower.wait(0) else None

    console = Console(place.folder, _port(place.base_file))
    drain = Drain(place.folder, console)
    refresher = Refresher(
        place,
        console,
        latest,
        assumed_version=environment.get("ARIEL_PGBOUNCER_VERSION"),
        draining=lambda: drain.active,
    )
    follower.start()
    drain.start()
    REGISTRY.register(RefresherMetrics(refresher, console, latest))
    start_http_server(int(environment["ARIEL_METRICS_PORT"]))
    refresher.run(wake, Life())


def _port(base_file: Path) -> int:
    base = configparser.RawConfigParser()
    base.read_string(base_file.read_text())
    return base.getint("pgbouncer", "listen_port")


def _end(_signal: int, _frame: FrameType | None) -> None:
    """PgBouncer has ended before (a native sidecar is stopped last): nothing is left to be done."""
    sys.exit(0)


if __name__ == "__main__":
    main()
