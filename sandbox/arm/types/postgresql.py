"""Microsoft.DBforPostgreSQL: flexible servers, their Entra administrators, databases and configurations."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.paths import ResourceId
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Busy, Implicit, Location, Name, Reference, Scope, TypeSpec
from sandbox.arm.types.network import SUBNET, allocate, delegated_to, prefixes_of
from sandbox.arm.types.privatedns import A_RECORD, LINK, ZONE
from sandbox.arm.types.server_parameters import PARAMETERS, max_connections
from sandbox.arm.types.server_states import READY, STARTS, TRANSITIONS
from sandbox.arm.world import World

VERSIONS = ("2025-08-01", "2024-08-01", "2026-01-01-preview")
SERVER = "Microsoft.DBforPostgreSQL/flexibleServers"
ADMINISTRATOR = "Microsoft.DBforPostgreSQL/flexibleServers/administrators"
DATABASE = "Microsoft.DBforPostgreSQL/flexibleServers/databases"
CONFIGURATION = "Microsoft.DBforPostgreSQL/flexibleServers/configurations"
DELEGATION = "microsoft.dbforpostgresql/flexibleservers"
ZONE_SUFFIX = ".postgres.database.azure.com"

# Source: Azure Database for PostgreSQL, compute options; the families that are offered per tier.
SKUS = {
    "Burstable": r"Standard_B(1ms|2s|2ms|4ms|8ms|12ms|16ms|20ms)",
    "GeneralPurpose": r"Standard_D(2|4|8|16|32|48|64|96)(s_v3|ds_v4|ds_v5|ads_v5|ds_v6|ads_v6)",
    "MemoryOptimized": r"Standard_E(2|4|8|16|20|32|48|64|96)(s_v3|ds_v4|ds_v5|ads_v5|ds_v6|ads_v6)",
}
STORAGE_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767, 32768)
SYSTEM_DATABASES = ("azure_maintenance", "azure_sys", "postgres")

BUSY = Refusal(
    409,
    "ServerIsBusy",
    "Cannot complete operation while server '{name}' is busy processing another operation. Try again later.",
)
FIXED = Refusal(400, "PropertyChangeNotAllowed", "The property '{path}' of server '{name}' cannot be changed.")


def _server_of(path: ResourceId) -> str:
    for node in path.lineage():
        if node.type.lower() == SERVER.lower():
            return node.key
    return path.key


ONE_WRITE_PER_SERVER = Busy(key=_server_of, refusal=BUSY)


def _sku_is_offered(change: Change) -> None:
    name, tier = change.get("sku.name"), change.get("sku.tier")
    pattern = next(pattern for known, pattern in SKUS.items() if known.lower() == tier.lower())
    if not re.fullmatch(pattern, name, re.IGNORECASE):
        raise change.invalid(f"The SKU '{name}' is not offered in the tier '{tier}'.", "InvalidSkuName")


def _availability_fits(change: Change) -> None:
    """Source: high availability concepts: not in Burstable; same-zone or zone-redundant."""
    mode = change.get("properties.highAvailability.mode") or "Disabled"
    if mode.lower() != "disabled" and change.get("sku.tier").lower() == "burstable":
        raise change.invalid(
            "High availability is not supported for the Burstable tier.", "HighAvailabilityNotSupportedForBurstable"
        )


def _version_only_rises(change: Change) -> None:
    """Source: in-place major version upgrade; a server never goes back."""
    if change.changes("properties.version") and int(change.get("properties.version")) < int(
        change.earlier("properties.version")
    ):
        raise change.invalid("Downgrade of the server version is not supported.", "VersionDowngradeNotSupported")


def _storage_only_grows(change: Change) -> None:
    earlier, now = change.earlier("properties.storage.storageSizeGB"), change.get("properties.storage.storageSizeGB")
    if earlier is not None and now is not None and now < earlier:
        raise change.invalid(f"Storage cannot shrink from {earlier} to {now} GiB.", "StorageSizeDecreaseNotSupported")


def _sign_in_is_possible(change: Change) -> None:
    """Source: with password sign-in (the default) an administrator login and password are needed."""
    password = change.get("properties.authConfig.passwordAuth") or "Enabled"
    entra = change.get("properties.authConfig.activeDirectoryAuth") or "Disabled"
    if password.lower() == "disabled" and entra.lower() == "disabled":
        raise change.invalid("Either password or Microsoft Entra authentication must be enabled.", "InvalidAuthConfig")
    if password.lower() == "enabled" and change.before is None:
        login = change.get("properties.administratorLogin")
        if not login or not change.hidden.get("properties.administratorLoginPassword"):
            raise change.invalid(
                "administratorLogin and administratorLoginPassword are required.", "InvalidParameterValue"
            )


def _network_fits(change: Change) -> None:
    """Source: networking with private access: delegated subnet of its own, at least /28, zone linked to the network."""
    subnet_id = change.get("properties.network.delegatedSubnetResourceId")
    zone_id = change.get("properties.network.privateDnsZoneArmResourceId")
    if bool(subnet_id) != bool(zone_id):
        raise change.invalid(
            "A delegated subnet and a private DNS zone are needed together.", "EmptyPrivateDnsZoneArmResourceId"
        )
    if not subnet_id:
        return
    subnet, zone = change.world.find(subnet_id), change.world.find(zone_id)
    assert subnet is not None
    assert zone is not None
    _subnet_is_delegated(change, subnet)
    _zone_is_linked(change, subnet, zone)


def _subnet_is_delegated(change: Change, subnet: Resource) -> None:
    vnet = change.world.find(subnet.path.parent or "")
    if [service.lower() for service in delegated_to(subnet)] != [DELEGATION]:
        raise change.invalid(
            f"The subnet {subnet.id} is not delegated to Microsoft.DBforPostgreSQL/flexibleServers.",
            "SubnetNotDelegated",
        )
    if ip_network(prefixes_of(subnet.properties)[0]).prefixlen > 28:
        raise change.invalid(f"The delegated subnet {subnet.id} must be /28 or larger.", "SubnetTooSmall")
    if vnet is not None and vnet.body["location"] != change.body["location"]:
        raise change.invalid("The virtual network must be in the region of the server.", "InvalidVirtualNetworkRegion")
    for holder in change.world.holders(subnet.key):
        if holder.type.lower() != DELEGATION and holder.key != change.id.key:
            raise change.invalid(f"The subnet {subnet.id} is used by {holder.id}.", "SubnetInUseByOtherResource")


def _zone_is_linked(change: Change, subnet: Resource, zone: Resource) -> None:
    if not zone.name.lower().endswith(ZONE_SUFFIX):
        raise change.invalid(
            f"The private DNS zone name '{zone.name}' must end with '{ZONE_SUFFIX}'.", "PrivateDnsZoneNameNotValid"
        )
    if zone.name.lower() == f"{change.name}{ZONE_SUFFIX}".lower():
        raise change.invalid("The private DNS zone cannot be named as the server.", "PrivateDnsZoneNameNotValid")
    vnet = subnet.path.parent
    linked = [link.properties["virtualNetwork"]["id"].lower() for link in change.world.children(zone.key, LINK)]
    if vnet is not None and vnet.key not in linked:
        raise change.invalid(
            f"The private DNS zone {zone.id} is not linked to the virtual network {vnet.text}.",
            "PrivateDnsZoneNotLinkedToVirtualNetwork",
        )


def _server_outputs(change: Change) -> dict[str, Any]:
    subnet_id = change.get("properties.network.delegatedSubnetResourceId")
    subnet = change.world.find(subnet_id) if subnet_id else None
    if subnet is not None:
        allocate(change, subnet)
    public = change.get("properties.network.publicNetworkAccess") or "Enabled"
    return {
        "properties": {
            "fullyQualifiedDomainName": f"{change.name}{ZONE_SUFFIX}",
            "state": change.earlier("properties.state") or READY,
            "minorVersion": "6",
            "availabilityZone": change.earlier("properties.availabilityZone")
            or change.fact("zone", change.get("properties.availabilityZone") or "1"),
            "replicationRole": "Primary",
            "network": {"publicNetworkAccess": "Disabled" if subnet is not None else public},
        }
    }


def _server_record(change: Change) -> list[tuple[str, str, dict[str, Any]]]:
    """The service registers the server's address under a random name, to which the public name points."""
    zone = change.get("properties.network.privateDnsZoneArmResourceId")
    if not zone:
        return []
    name = change.fact("record").replace("-", "")[:12]
    address = [{"ipv4Address": change.facts["address"]}]
    fqdn = f"{name}.{zone.rsplit('/', 1)[-1]}."
    return [(f"{zone}/A/{name}", A_RECORD, {"properties": {"ttl": 30, "fqdn": fqdn, "aRecords": address}})]


def _entra_is_on(change: Change) -> None:
    server = change.parent()
    if ((server.properties.get("authConfig") or {}).get("activeDirectoryAuth") or "Disabled").lower() != "enabled":
        raise change.invalid(
            f"Microsoft Entra authentication is not enabled on server '{server.name}'.", "AadAuthNotEnabled"
        )


def _parameter_body(world: World, path: ResourceId) -> dict[str, Any] | None:
    parameter = PARAMETERS.get(path.name.lower())
    server = None if path.parent is None else world.store.resources.get(path.parent.key)
    if parameter is None or server is None:
        return None
    default = str(max_connections(server.body["sku"]["name"])) if path.name == "max_connections" else parameter.default
    return {
        "properties": {
            "value": default,
            "source": "system-default",
            "defaultValue": default,
            "dataType": parameter.kind,
            "allowedValues": parameter.allowed,
            "isDynamicConfig": parameter.dynamic,
            "isReadOnly": parameter.read_only,
            "isConfigPendingRestart": False,
        }
    }


def _parameter_is_known(change: Change) -> None:
    parameter, value = PARAMETERS.get(change.name.lower()), change.get("properties.value")
    if parameter is None:
        raise change.invalid(
            f"The configuration '{change.name}' does not exist for the server.", "ConfigurationNotExists", 404
        )
    if parameter.read_only:
        raise change.invalid(f"The configuration '{change.name}' is read-only.", "ReadOnlyConfiguration")
    if not parameter.takes(value):
        raise change.invalid(
            f"The value '{value}' of configuration '{change.name}' is not allowed; allowed: {parameter.allowed}."
        )
    if change.name.lower() == "pgbouncer.enabled" and value.lower() == "true":
        tier = change.parent().body["sku"]["tier"]
        if tier.lower() == "burstable":
            raise change.invalid("PgBouncer is not supported in the Burstable tier.", "FeatureNotSupportedForSku")


def _parameter_outputs(change: Change) -> dict[str, Any]:
    shown = _parameter_body(change.world, change.id)
    assert shown is not None
    del shown["properties"]["value"], shown["properties"]["source"]
    pending = not PARAMETERS[change.name.lower()].dynamic and change.changes("properties.value")
    shown["properties"]["isConfigPendingRestart"] = pending or bool(
        change.before and change.before.properties.get("isConfigPendingRestart")
    )
    return shown


def _system_database(_: World, path: ResourceId) -> dict[str, Any] | None:
    known = path.name.lower() in SYSTEM_DATABASES
    return {"properties": {"charset": "UTF8", "collation": "en_US.utf8"}} if known else None


CHILD: dict[str, Any] = {
    "api_versions": VERSIONS,
    "scope": Scope.CHILD,
    "location": Location.NONE,
    "tags": False,
    "provisioning_state": False,
    "invalid": "InvalidParameterValue",
    "long_running": LONG_RUNNING,
    "busy": ONE_WRITE_PER_SERVER,
    "parent_busy": BUSY,
}

SPECS = (
    TypeSpec(
        type=SERVER,
        source="Azure Database for PostgreSQL documentation (compute, networking, HA, limits); facts-azure section A",
        api_versions=VERSIONS,
        name=Name(
            pattern=r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
            rule="3-63 lower-case letters, digits and -, first and last no -.",
            refusal=Refusal(
                400, "InvalidParameterValue", "Invalid value given for parameter ServerName: '{name}'. {rule}"
            ),
        ),
        invalid="InvalidParameterValue",
        long_running=LONG_RUNNING,
        starts=STARTS,
        transitions=TRANSITIONS,
        provisioning_state=False,
        fields=(
            Field("sku", kind="object", required=True),
            Field("sku.name", required=True),
            Field("sku.tier", required=True, one_of=tuple(SKUS)),
            Field("properties.version", required=True, one_of=("13", "14", "15", "16", "17", "18")),
            Field("properties.createMode", one_of=("Default", "Create", "Update"), secret=True),
            Field("properties.administratorLogin", fixed=FIXED),
            Field("properties.administratorLoginPassword", secret=True, between=(8, 128)),
            Field("properties.availabilityZone", one_of=("1", "2", "3"), fixed=FIXED),
            Field("properties.storage.storageSizeGB", kind="integer", one_of=STORAGE_SIZES),
            Field("properties.storage.autoGrow", one_of=("Enabled", "Disabled")),
            Field("properties.backup.backupRetentionDays", kind="integer", between=(7, 35), default=7),
            Field("properties.backup.geoRedundantBackup", one_of=("Enabled", "Disabled"), fixed=FIXED),
            Field("properties.highAvailability.mode", one_of=("Disabled", "SameZone", "ZoneRedundant")),
            Field("properties.network.delegatedSubnetResourceId", fixed=FIXED),
            Field("properties.network.privateDnsZoneArmResourceId", fixed=FIXED),
            Field("properties.network.publicNetworkAccess", one_of=("Enabled", "Disabled")),
            Field("properties.authConfig.activeDirectoryAuth", one_of=("Enabled", "Disabled")),
            Field("properties.authConfig.passwordAuth", one_of=("Enabled", "Disabled")),
            Field("properties.authConfig.tenantId", kind="guid"),
            Field("properties.maintenanceWindow.customWindow", one_of=("Enabled", "Disabled")),
            Field("properties.maintenanceWindow.dayOfWeek", kind="integer", between=(0, 6)),
            Field("properties.maintenanceWindow.startHour", kind="integer", between=(0, 23)),
            Field("properties.maintenanceWindow.startMinute", kind="integer", between=(0, 59)),
        ),
        references=(
            Reference("properties.network.delegatedSubnetResourceId", (SUBNET,), holds=True, settled=True),
            Reference("properties.network.privateDnsZoneArmResourceId", (ZONE,), holds=True, settled=True),
        ),
        checks=(
            _sku_is_offered,
            _availability_fits,
            _version_only_rises,
            _storage_only_grows,
            _sign_in_is_possible,
            _network_fits,
        ),
        outputs=_server_outputs,
        brings=_server_record,
        busy=ONE_WRITE_PER_SERVER,
        globally_unique=Refusal(
            409, "ServerNameAlreadyExists", "The server name '{name}' is already in use. Choose a different name."
        ),
    ),
    TypeSpec(
        type=ADMINISTRATOR,
        source="Microsoft Entra authentication with Azure Database for PostgreSQL; ServerIsBusy on parallel writes",
        name=Name(pattern=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", rule="the object id, a GUID."),
        fields=(
            Field("properties.principalName", required=True, between=(1, 256)),
            Field("properties.principalType", required=True, one_of=("User", "Group", "ServicePrincipal", "Unknown")),
            Field("properties.tenantId", kind="guid"),
        ),
        checks=(_entra_is_on,),
        outputs=lambda change: {
            "properties": {
                "objectId": change.name,
                "tenantId": change.get("properties.tenantId") or change.world.settings.tenant_id,
            }
        },
        **CHILD,
    ),
    TypeSpec(
        type=DATABASE,
        source="Azure Database for PostgreSQL, databases; ServerIsBusy on parallel writes",
        name=Name(pattern=r"[A-Za-z_][\w-]{0,62}", rule="1-63 letters, digits, _ and -, first a letter or _."),
        fields=(
            Field("properties.charset", default="UTF8", fixed=FIXED),
            Field("properties.collation", default="en_US.utf8", fixed=FIXED),
        ),
        implicit=Implicit(names=lambda *_: list(SYSTEM_DATABASES), body=_system_database),
        **CHILD,
    ),
    TypeSpec(
        type=CONFIGURATION,
        source="Azure Database for PostgreSQL, server parameters; no DELETE (facts-azure section A)",
        name=Name(pattern=r"[a-z_][\w.]{0,127}", rule="the name of a server parameter."),
        deletable=False,
        fields=(
            Field("properties.value", required=True),
            Field("properties.source", one_of=("user-override", "system-default"), default="user-override"),
        ),
        checks=(_parameter_is_known,),
        outputs=_parameter_outputs,
        implicit=Implicit(names=lambda *_: sorted(PARAMETERS), body=_parameter_body),
        **CHILD,
    ),
)
