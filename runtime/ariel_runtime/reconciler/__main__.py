"""`python -m ariel_runtime.reconciler`: turns for ever, every half minute and whenever the registry changes.

Variables: `ARIEL_DATABASE_HOST`, `ARIEL_DATABASE_NAME`, `ARIEL_DATABASE_ROLE`, `ARIEL_OWNER_OBJECT_ID`,
`ARIEL_RUNTIME_OBJECT_ID`, `ARIEL_REGISTRY_NAMESPACE`, and those of workload identity.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from typing import Final

from ariel_runtime.database.access import OWNER, RUNTIME
from ariel_runtime.database.roles import ADMIN_DATABASE
from ariel_runtime.database.writer import Database
from ariel_runtime.json_logs import log_as_json
from ariel_runtime.kubernetes_api import KubernetesApi
from ariel_runtime.life import Life
from ariel_runtime.metadata_engine import Target, direct_engine
from ariel_runtime.reconciler.landscape import Landscape
from ariel_runtime.reconciler.turn import turn
from ariel_runtime.registry import Follower, TenantRegistry

PAUSE_SECONDS: Final = 30.0
RETRY_SECONDS: Final = 5.0
"""After a turn that left something undone: at first the server, the schema or the registry is not there yet."""


def main() -> None:
    log_as_json()
    stop, changed = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        stop.set()
        changed.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    registry = TenantRegistry(KubernetesApi.of_this_pod(), os.environ["ARIEL_REGISTRY_NAMESPACE"])
    follower = Follower(registry, on_change=lambda _: changed.set())
    follower.start()
    landscape, life = _landscape(), Life()
    while not stop.is_set():
        changed.clear()
        whole = turn(landscape, follower.latest if follower.wait(0) else None, life)
        life.beat()
        changed.wait(PAUSE_SECONDS if whole else RETRY_SECONDS)
    follower.stop()


def _landscape() -> Landscape:
    target = Target.of_environment()
    return Landscape(
        server=_database(replace(target, database=ADMIN_DATABASE)),
        airflow=_database(target),
        admin=target.role,
        shared={OWNER: os.environ["ARIEL_OWNER_OBJECT_ID"], RUNTIME: os.environ["ARIEL_RUNTIME_OBJECT_ID"]},
    )


def _database(target: Target) -> Database:
    """One connection at a time, kept between turns and tried before it is used."""
    return Database(direct_engine(target.url, pool_size=1, max_overflow=0, pool_pre_ping=True))


if __name__ == "__main__":
    main()
