"""PostgreSQL Flexible Server and what stands under it."""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType, words

_SERVER = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers"
    "/Microsoft.DBforPostgreSQL/flexibleServers/{serverName}"
)

ROWS = (
    ResourceType(
        type="azure-native:dbforpostgresql:Server",
        api_version="2025-08-01",
        path=_SERVER,
        envelope=words("identity location sku tags"),
        properties=words(
            "administratorLogin administratorLoginPassword authConfig availabilityZone backup cluster createMode"
            " dataEncryption highAvailability maintenanceWindow network pointInTimeUTC replica replicationRole"
            " sourceServerResourceId storage version"
        ),
        # ARM also refuses another network.delegatedSubnetResourceId; the published provider does not replace then.
        force_new=words(
            "administratorLogin availabilityZone backup.geoRedundantBackup pointInTimeUTC sourceServerResourceId"
        ),
        write_only=words("administratorLoginPassword createMode pointInTimeUTC sourceServerResourceId"),
    ),
    ResourceType(
        type="azure-native:dbforpostgresql:AdministratorsMicrosoftEntra",
        api_version="2025-08-01",
        path=_SERVER + "/administrators/{objectId}",
        properties=words("principalName principalType tenantId"),
    ),
    ResourceType(
        type="azure-native:dbforpostgresql:Database",
        api_version="2025-08-01",
        path=_SERVER + "/databases/{databaseName}",
        properties=words("charset collation"),
    ),
    ResourceType(
        type="azure-native:dbforpostgresql:Configuration",
        api_version="2025-08-01",
        path=_SERVER + "/configurations/{configurationName}",
        properties=words("source value"),
        singleton=True,
        delete="reset",
    ),
)
