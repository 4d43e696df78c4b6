"""What the database server can hold, and the arithmetic of all who connect to it.

Source of the SKUs: Microsoft, "Limits in Azure Database for PostgreSQL - Flexible Server", table "Maximum connections".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from stacks.settings import Settings
from stacks.tenant import Tenant

RESERVED_BY_AZURE: Final = 15
"""Connections of `max_connections` that Azure keeps for replication and monitoring (same source)."""

DIRECT_CONNECTIONS: Final[dict[str, int]] = {"migration job": 2, "reconciler": 2, "administrators": 5}
"""Connections beside PgBouncer: who -> the most at one time. Alembic holds one and Airflow's session a second; the
reconciler one per database role it acts as; the rest is for people, who need a way in when the pools are full."""

CLIENT_CONNECTIONS: Final[dict[str, int]] = {"scheduler": 5, "api server": 5, "processor": 2, "triggerer": 2}
"""Connections to PgBouncer without which one replica of a component waits: SQLAlchemy's pool of 5 (Airflow's default
`sql_alchemy_pool_size`) where threads share it; a main loop and a heartbeat elsewhere."""

BURSTABLE: Final = "Burstable"
GENERAL_PURPOSE: Final = "GeneralPurpose"
MEMORY_OPTIMIZED: Final = "MemoryOptimized"


@dataclass(frozen=True, kw_only=True)
class ServerSku:
    """A compute size of the Flexible Server: tier as ARM names it, memory in GiB, `max_connections` by default."""

    tier: str
    cores: int
    memory: int
    max_connections: int


def _skus() -> dict[str, ServerSku]:
    skus = {
        f"Standard_{name}": ServerSku(tier=BURSTABLE, cores=cores, memory=memory, max_connections=connections)
        for name, cores, memory, connections in (
            ("B1ms", 1, 2, 50),
            ("B2s", 2, 4, 429),
            ("B2ms", 2, 8, 859),
            ("B4ms", 4, 16, 1718),
            ("B8ms", 8, 32, 3437),
            ("B12ms", 12, 48, 5000),
            ("B16ms", 16, 64, 5000),
            ("B20ms", 20, 80, 5000),
        )
    }
    for series in ("s_v3", "ds_v4", "ds_v5", "ads_v5"):
        fifth = series.endswith("v5")
        for cores in (2, 4, 8, 16, 32, 48, 64, *((96,) if fifth else ())):
            skus[f"Standard_D{cores}{series}"] = ServerSku(
                tier=GENERAL_PURPOSE,
                cores=cores,
                memory=4 * cores,
                max_connections={2: 859, 4: 1718, 8: 3437}.get(cores, 5000),
            )
        for cores in (2, 4, 8, 16, *((20,) if series != "s_v3" else ()), 32, 48, 64, *((96,) if fifth else ())):
            skus[f"Standard_E{cores}{series}"] = ServerSku(
                tier=MEMORY_OPTIMIZED,
                cores=cores,
                memory={64: 512 if fifth else 432, 96: 672}.get(cores, 8 * cores),
                max_connections={2: 1718, 4: 3437}.get(cores, 5000),
            )
    return skus


SERVER_SKUS: Final = _skus()


class PoolArithmetic(NamedTuple):
    """Server connections at full load, those the server has for them, and the sum as a person checks it."""

    needed: int
    available: int
    text: str


def tenant_pools(tenant: Tenant) -> int:
    """Server connections of a tenant's own roles, per PgBouncer replica."""
    return tenant.pools.processor + (tenant.pools.triggerer if tenant.triggerer.enabled else 0)


def pool_arithmetic(settings: Settings) -> PoolArithmetic:
    """replicas x (runtime pool + reserve + tenants' pools) + direct <= max_connections - 15.

    The reserve counts once per replica, as only the runtime's alias has one. Raises KeyError for an unknown SKU.
    """
    pgbouncer, sku = settings.pgbouncer, settings.database.sku
    tenants = sum(tenant_pools(tenant) for tenant in settings.tenants.values())
    direct = sum(DIRECT_CONNECTIONS.values())
    runtime, reserve = pgbouncer.metadata_pool_size, pgbouncer.reserve_pool_size
    needed = pgbouncer.replicas * (runtime + reserve + tenants) + direct
    maximum = SERVER_SKUS[sku].max_connections
    available = maximum - RESERVED_BY_AZURE
    text = (
        f"{pgbouncer.replicas} replicas x ({runtime} runtime + {reserve} reserve + {tenants} of "
        f"{len(settings.tenants)} tenants) + {direct} direct = {needed}; "
        f"{sku} has {maximum} - {RESERVED_BY_AZURE} kept by Azure = {available}"
    )
    return PoolArithmetic(needed, available, text)


def client_arithmetic(settings: Settings) -> PoolArithmetic:
    """Client connections that all components need, and those that PgBouncer accepts while one replica is away."""
    wanted = {
        "scheduler": settings.airflow.scheduler.replicas,
        "api server": settings.airflow.api_server.replicas,
        "processor": sum(tenant.processor.replicas for tenant in settings.tenants.values()),
        "triggerer": sum(t.triggerer.replicas for t in settings.tenants.values() if t.triggerer.enabled),
    }
    needed = sum(count * CLIENT_CONNECTIONS[who] for who, count in wanted.items())
    replicas = max(1, settings.pgbouncer.replicas - 1)
    available = replicas * settings.pgbouncer.max_client_conn
    terms = " + ".join(f"{count} {who} x {CLIENT_CONNECTIONS[who]}" for who, count in wanted.items())
    text = f"{terms} = {needed}; {replicas} replicas x {settings.pgbouncer.max_client_conn} = {available}"
    return PoolArithmetic(needed, available, text)
