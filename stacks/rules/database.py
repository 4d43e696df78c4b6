"""Rules of the database server and of all who connect to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks import capacity
from stacks.capacity import SERVER_SKUS
from stacks.errors import Problem
from stacks.regions import UNPAIRED, WITHOUT_ZONES
from stacks.rules.rule import Rule
from stacks.settings import Settings
from stacks.wording import nearest


def sku_is_known(settings: Settings) -> Iterator[Problem]:
    sku = settings.database.sku
    if sku not in SERVER_SKUS:
        guess = nearest(sku, tuple(SERVER_SKUS))
        yield Problem(
            path="database.sku",
            value=sku,
            rule="a Flexible Server SKU whose connections are documented (stacks/capacity.py)",
            action=f"did you mean `{guess}`?" if guess else "choose one, such as Standard_D4ds_v5",
        )


def high_availability_has_a_sku(settings: Settings) -> Iterator[Problem]:
    database = settings.database
    sku = SERVER_SKUS.get(database.sku)
    if database.high_availability and sku is not None and sku.tier == capacity.BURSTABLE:
        yield Problem(
            path="database.sku",
            value=database.sku,
            rule="database.highAvailability needs a General Purpose or Memory Optimized SKU; Burstable has no standby",
            action="choose a SKU such as Standard_D2ds_v5, or set database.highAvailability to false",
        )


def region_has_what_the_server_needs(settings: Settings) -> Iterator[Problem]:
    location, database = settings.azure.location, settings.database
    if database.high_availability and location in WITHOUT_ZONES:
        yield Problem(
            path="database.highAvailability",
            value="true",
            rule=f"the standby stands in another availability zone; {location} has none",
            action="choose another azure.location",
        )
    if database.geo_backup and location in UNPAIRED:
        yield Problem(
            path="database.geoBackup",
            value="true",
            rule=f"the copy goes to the paired region; {location} has none",
            action="set it to false, or choose another azure.location",
        )


def server_connections_suffice(settings: Settings) -> Iterator[Problem]:
    """PgBouncer would queue, but what it has promised to its pools the server would refuse under load."""
    if settings.database.sku not in SERVER_SKUS:
        return
    needed, available, text = capacity.pool_arithmetic(settings)
    if needed <= available:
        return
    larger = [name for name, sku in SERVER_SKUS.items() if _fits(sku, needed) and name.endswith("ds_v5")]
    choose = f"raise database.sku to {larger[0]}, or " if larger else ""
    yield Problem(
        path="pgbouncer.metadataPoolSize",
        value=str(settings.pgbouncer.metadata_pool_size),
        rule=f"the server has a connection for each that PgBouncer may open: {text}",
        action=f"{choose}lower pgbouncer.metadataPoolSize, pgbouncer.replicas or the tenants' pools by "
        f"{needed - available} connections",
    )


def _fits(sku: capacity.ServerSku, needed: int) -> bool:
    return sku.max_connections - capacity.RESERVED_BY_AZURE >= needed


def client_connections_suffice(settings: Settings) -> Iterator[Problem]:
    needed, available, text = capacity.client_arithmetic(settings)
    if needed > available:
        replicas = max(1, settings.pgbouncer.replicas - 1)
        yield Problem(
            path="pgbouncer.maxClientConn",
            value=str(settings.pgbouncer.max_client_conn),
            rule=f"PgBouncer takes all components while one replica is away: {text}",
            action=f"raise it to at least {-(-needed // replicas)}",
        )


def no_result_backend(settings: Settings) -> Iterator[Problem]:
    size = settings.pgbouncer.result_backend_pool_size
    if size is not None:
        yield Problem(
            path="pgbouncer.resultBackendPoolSize",
            value=str(size),
            rule="only Celery has a result backend; here each task is a pod and reports to the API server",
            action="remove it",
        )


RULES: Final = (
    Rule(sku_is_known, reads=("database.sku",)),
    Rule(high_availability_has_a_sku, reads=("database.sku", "database.highAvailability")),
    Rule(region_has_what_the_server_needs, reads=("azure.location", "database")),
    Rule(server_connections_suffice, reads=("database.sku", "pgbouncer")),
    Rule(client_connections_suffice, reads=("airflow.scheduler", "airflow.apiServer", "pgbouncer")),
    Rule(no_result_backend),
)
