"""Airflow's metadata database: a Flexible Server with private access and Entra sign-in only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import authorization, dbforpostgresql

from components.diagnostics import diagnose
from components.placement import Placement
from stacks.naming import Kind

DATABASE_NAME: Final = "airflow"

PARAMETERS: Final[dict[str, str]] = {
    "azure.extensions": "PGCRYPTO",
    "idle_in_transaction_session_timeout": "300000",
    "log_connections": "on",
    "log_disconnections": "on",
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
}
"""Server parameters in the order in which they are written; times in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Administrator:
    """An Entra principal that administers the server."""

    object_id: pulumi.Input[str]
    name: pulumi.Input[str]
    type: str
    """`Group`, `ServicePrincipal` or `User`."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    placement: Placement
    subnet_id: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    """Private DNS zone, already linked to the network: Azure refuses the server before that."""
    workspace_id: pulumi.Input[str]
    version: str
    sku: str
    tier: str
    storage_gb: int
    high_availability: bool
    backup_days: int
    geo_backup: bool
    administrators: Mapping[str, Administrator]
    """Permanent key -> administrator."""
    protect: bool
    """Locks the server against deletion in Azure, and the engine refuses to delete it."""


class Database(pulumi.ComponentResource):
    """Owns the server, its parameters, database and administrators; the roles inside are the reconciler's.

    Azure takes one write per server at a time (`ServerIsBusy`), hence one chain through all children.
    Outputs: `id`, `host` (fully qualified), `ready` (the host, known once the last child is made).
    """

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Database", name, None, opts)
        placement = args.placement
        server = dbforpostgresql.Server(
            name,
            server_name=placement.names.of(Kind.DATABASE_SERVER),
            resource_group_name=placement.resource_group,
            location=placement.location,
            version=args.version,
            sku=dbforpostgresql.SkuArgs(name=args.sku, tier=args.tier),
            storage=dbforpostgresql.StorageArgs(storage_size_gb=args.storage_gb, auto_grow="Enabled"),
            backup=dbforpostgresql.BackupArgs(
                backup_retention_days=args.backup_days,
                geo_redundant_backup="Enabled" if args.geo_backup else "Disabled",
            ),
            availability_zone="1",
            high_availability=dbforpostgresql.HighAvailabilityArgs(
                mode="ZoneRedundant" if args.high_availability else "Disabled",
                standby_availability_zone="2" if args.high_availability else None,
            ),
            network=dbforpostgresql.NetworkArgs(
                delegated_subnet_resource_id=args.subnet_id, private_dns_zone_arm_resource_id=args.zone_id
            ),
            auth_config=dbforpostgresql.AuthConfigArgs(
                active_directory_auth="Enabled",
                password_auth="Disabled",  # noqa: S106 - not a password but the sign-in kept off
                tenant_id=placement.tenant_id,
            ),
            maintenance_window=dbforpostgresql.MaintenanceWindowArgs(
                custom_window="Enabled", day_of_week=0, start_hour=3, start_minute=0
            ),
            tags=placement.tags,
            # Azure moves the zones at a failover, and refuses another subnet or zone for a server that stands.
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                ignore_changes=["availabilityZone", "highAvailability.standbyAvailabilityZone"],
            ),
        )
        last: pulumi.Resource = server
        for parameter, value in PARAMETERS.items():
            last = dbforpostgresql.Configuration(
                f"{name}-{parameter.replace('.', '-').replace('_', '-')}",
                configuration_name=parameter,
                server_name=server.name,
                resource_group_name=placement.resource_group,
                value=value,
                source="user-override",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        database = dbforpostgresql.Database(
            f"{name}-airflow",
            database_name=DATABASE_NAME,
            server_name=server.name,
            resource_group_name=placement.resource_group,
            charset="UTF8",
            collation="en_US.utf8",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[last], protect=args.protect),
        )
        last = database
        for key, administrator in args.administrators.items():
            last = dbforpostgresql.AdministratorsMicrosoftEntra(
                f"{name}-{key}",
                object_id=administrator.object_id,
                principal_name=administrator.name,
                principal_type=administrator.type,
                tenant_id=placement.tenant_id,
                server_name=server.name,
                resource_group_name=placement.resource_group,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        if args.protect:
            authorization.ManagementLockByScope(
                f"{name}-lock",
                lock_name="ariel-keep",
                level="CanNotDelete",
                scope=server.id,
                notes="Set by ariel: the metadata of all runs. Turn `protect` off in the stack file first.",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[last]),
            )
        diagnose(name, target_id=server.id, workspace_id=args.workspace_id, parent=self)
        self.id = server.id
        self.host = server.fully_qualified_domain_name
        self.ready = pulumi.Output.all(server.fully_qualified_domain_name, last.id).apply(lambda known: known[0])
        self.register_outputs({"id": self.id, "host": self.host})
