"""Microsoft.Network private endpoints: the interface in the subnet, the DNS records of a zone group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.resource import Resource
from sandbox.arm.spec import LONG_RUNNING, Location, Reference, Scope, TypeSpec
from sandbox.arm.types.network import INTERFACE, SUBNET, VERSIONS, allocate, delegated_to, network_name
from sandbox.arm.types.privatedns import A_RECORD, ZONE

ENDPOINT = "Microsoft.Network/privateEndpoints"
ZONE_GROUP = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"


@dataclass(frozen=True, kw_only=True)
class LinkTarget:
    """What can be reached privately: by group id the private DNS zone; `hosts` are the record names and their zone."""

    zones: dict[str, str]
    hosts: Callable[[Resource, str], list[str]]
    supported: Callable[[Resource], bool] = lambda _: True


def _registry_hosts(registry: Resource, _: str) -> list[str]:
    return [f"{registry.name}.{registry.body['location']}.data.azurecr.io", f"{registry.name}.azurecr.io"]


# Source: Azure documentation, "Azure Private Endpoint private DNS zone values" (public cloud).
TARGETS: dict[str, LinkTarget] = {
    "microsoft.keyvault/vaults": LinkTarget(
        zones={"vault": "privatelink.vaultcore.azure.net"}, hosts=lambda vault, _: [f"{vault.name}.vault.azure.net"]
    ),
    "microsoft.storage/storageaccounts": LinkTarget(
        zones={
            group: f"privatelink.{group}.core.windows.net" for group in ("blob", "dfs", "file", "queue", "table", "web")
        },
        hosts=lambda account, group: [f"{account.name}.{group}.core.windows.net"],
    ),
    "microsoft.containerregistry/registries": LinkTarget(
        zones={"registry": "privatelink.azurecr.io"},
        hosts=_registry_hosts,
        supported=lambda registry: registry.body["sku"]["name"] == "Premium",
    ),
    "microsoft.dbforpostgresql/flexibleservers": LinkTarget(
        zones={"postgresqlServer": "privatelink.postgres.database.azure.com"},
        hosts=lambda server, _: [f"{server.name}.postgres.database.azure.com"],
        supported=lambda server: not (server.properties.get("network") or {}).get("delegatedSubnetResourceId"),
    ),
    "microsoft.containerservice/managedclusters": LinkTarget(
        zones={"management": "privatelink.{region}.azmk8s.io"},
        hosts=lambda cluster, _: [cluster.properties.get("privateFQDN") or cluster.properties["fqdn"]],
    ),
}


def connections(properties: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *(properties.get("privateLinkServiceConnections") or []),
        *(properties.get("manualPrivateLinkServiceConnections") or []),
    ]


def _one_connection(change: Change) -> None:
    found = connections(change.properties)
    if len(found) != 1:
        raise change.invalid(
            f"Private endpoint {change.id.text} must have exactly one private link service connection.",
            "PrivateEndpointMustHaveOneConnection",
        )


def _target_matches(change: Change) -> None:
    """Source: MissingParameterOnPrivateLinkServiceConnection, OnlyOneGroupIdPermitted."""
    connection = connections(change.properties)[0]
    found = change.world.find(connection["properties"]["privateLinkServiceId"])
    target = TARGETS.get(found.type.lower()) if found is not None else None
    where = f"{change.id.text}/privateLinkServiceConnections/{connection['name']}"
    if found is None or target is None:
        raise change.invalid(
            f"Private link service connection {where} refers to a resource that cannot be reached privately.",
            "PrivateLinkServiceNotFound",
        )
    groups = connection["properties"].get("groupIds") or []
    if not groups:
        raise change.invalid(
            f"Private link service connection {where} is missing required parameter 'group Id'.",
            "MissingParameterOnPrivateLinkServiceConnection",
        )
    if len(groups) > 1:
        raise change.invalid(
            f"Private link service connection {where} has the following group Ids: {', '.join(groups)}. Only one group "
            f"Id is permitted when connecting to a first-party resource ({found.id}).",
            "OnlyOneGroupIdPermitted",
        )
    if groups[0] not in target.zones:
        raise change.invalid(
            f"Call to {found.type} failed. Error message: Invalid groupId '{groups[0]}'; valid are "
            f"{', '.join(target.zones)}.",
            "InvalidGroupId",
        )
    if not target.supported(found):
        raise change.invalid(
            f"Call to {found.type} failed. Error message: private endpoints are not possible for {found.id} "
            "with its SKU or network.",
            "PrivateEndpointsNotSupported",
        )


def _subnet_takes_endpoints(change: Change) -> None:
    """Source: Private endpoint documentation: same region as the network, no delegated subnet."""
    subnet = change.world.find(change.get("properties.subnet.id"))
    assert subnet is not None
    vnet = change.world.find(subnet.path.parent) if subnet.path.parent is not None else None
    if delegated_to(subnet):
        raise change.invalid(
            f"Private endpoint {change.id.text} cannot be created in subnet {subnet.id} since the subnet is delegated.",
            "PrivateEndpointCreationNotAllowedAsSubnetIsDelegated",
        )
    if vnet is not None and vnet.body["location"] != change.body["location"]:
        raise change.invalid(
            f"Resource {vnet.id} is in region {vnet.body['location']}, resource {change.id.text} in "
            f"{change.body['location']}.",
            "InvalidResourceReference",
        )


def _endpoint_outputs(change: Change) -> dict[str, Any]:
    subnet = change.world.find(change.get("properties.subnet.id"))
    connection = connections(change.properties)[0]
    target = change.world.find(connection["properties"]["privateLinkServiceId"])
    assert subnet is not None
    assert target is not None
    address = allocate(change, subnet)
    hosts = TARGETS[target.type.lower()].hosts(target, connection["properties"]["groupIds"][0])
    return {
        "properties": {
            "networkInterfaces": [{"id": _interface_id(change)}],
            "customDnsConfigs": [{"fqdn": host, "ipAddresses": [address]} for host in hosts],
        }
    }


def _interface_id(change: Change) -> str:
    group = change.id.parent
    assert group is not None
    own = change.get("properties.customNetworkInterfaceName") or f"{change.name}.nic.{change.fact('nic')}"
    return f"{group.text}/providers/{INTERFACE}/{own}"


def _interface(change: Change) -> list[tuple[str, str, dict[str, Any]]]:
    body = {
        "location": change.body["location"],
        "properties": {
            "privateEndpoint": {"id": change.id.text},
            "ipConfigurations": [
                {
                    "name": "privateEndpointIpConfig",
                    "properties": {
                        "privateIPAddress": change.facts["address"],
                        "privateIPAllocationMethod": "Dynamic",
                        "subnet": {"id": change.get("properties.subnet.id")},
                    },
                }
            ],
        },
    }
    return [(_interface_id(change), INTERFACE, body)]


def _zones_match(change: Change) -> None:
    """One zone group per endpoint; each zone is the one of the endpoint's target. Source: private DNS zone values."""
    if change.before is None and change.siblings():
        raise change.invalid(
            f"Private endpoint {change.parent().id} already has a private DNS zone group.",
            "OnlyOnePrivateDnsZoneGroupAllowed",
        )
    wanted = _zone_of(change)
    for config in change.get("properties.privateDnsZoneConfigs"):
        zone = config["properties"]["privateDnsZoneId"].rsplit("/", 1)[-1]
        if zone.lower() != wanted.lower():
            raise change.invalid(
                f"Private DNS zone '{zone}' does not match the target of the private endpoint, which needs '{wanted}'.",
                "PrivateDnsZoneNameMismatch",
            )


def _zone_of(change: Change) -> str:
    endpoint = change.parent()
    connection = connections(endpoint.properties)[0]["properties"]
    target = change.world.find(connection["privateLinkServiceId"])
    if target is None:
        raise change.invalid(f"The target of {endpoint.id} is gone.", "PrivateLinkServiceNotFound")
    return TARGETS[target.type.lower()].zones[connection["groupIds"][0]].format(region=target.body.get("location"))


def _records(change: Change) -> list[tuple[str, str, dict[str, Any]]]:
    """One A record per host name of the target in each zone, owned by the group."""
    made: list[tuple[str, str, dict[str, Any]]] = []
    for config in change.get("properties.privateDnsZoneConfigs"):
        zone = config["properties"]["privateDnsZoneId"]
        for entry in change.parent().properties["customDnsConfigs"]:
            name = _record_name(entry["fqdn"], zone.rsplit("/", 1)[-1])
            addresses = [{"ipv4Address": address} for address in entry["ipAddresses"]]
            body = {"properties": {"ttl": 10, "fqdn": f"{name}.{zone.rsplit('/', 1)[-1]}.", "aRecords": addresses}}
            made.append((f"{zone}/A/{name}", A_RECORD, body))
    return made


def _record_name(fqdn: str, zone: str) -> str:
    """kv.vault.azure.net is `kv` in privatelink.vaultcore.azure.net; a registry's data endpoint keeps its region."""
    public = zone.removeprefix("privatelink.").replace("vaultcore.", "vault.")
    return fqdn.removesuffix(f".{public}") if fqdn.endswith(f".{public}") else fqdn.split(".", 1)[0]


SPECS = (
    TypeSpec(
        type=ENDPOINT,
        source="Private endpoint documentation; error codes of Microsoft.Network as seen in issue trackers",
        api_versions=VERSIONS,
        name=network_name(),
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.subnet", kind="object", required=True),
            Field(
                "properties.subnet.id",
                required=True,
                fixed=Refusal(400, "PrivateEndpointCannotBeUpdated", "The subnet of {name} cannot be changed."),
            ),
            *(
                Field(f"properties.{kind}[].{path}", kind=form, required=True)
                for kind in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
                for path, form in (
                    ("name", "string"),
                    ("properties", "object"),
                    ("properties.privateLinkServiceId", "string"),
                )
            ),
        ),
        references=(
            Reference("properties.subnet.id", (SUBNET,), holds=True, settled=True),
            Reference("properties.privateLinkServiceConnections[].properties.privateLinkServiceId", ()),
            Reference("properties.manualPrivateLinkServiceConnections[].properties.privateLinkServiceId", ()),
        ),
        checks=(_one_connection, _target_matches, _subnet_takes_endpoints),
        outputs=_endpoint_outputs,
        brings=_interface,
    ),
    TypeSpec(
        type=ZONE_GROUP,
        source="Private endpoint DNS integration documentation; private DNS zone values",
        api_versions=VERSIONS,
        name=network_name(),
        scope=Scope.CHILD,
        location=Location.NONE,
        tags=False,
        invalid="InvalidRequestFormat",
        long_running=LONG_RUNNING,
        fields=(
            Field("properties.privateDnsZoneConfigs", kind="list", required=True, between=(1, 5)),
            Field("properties.privateDnsZoneConfigs[].name", required=True),
            Field("properties.privateDnsZoneConfigs[].properties", kind="object", required=True),
            Field("properties.privateDnsZoneConfigs[].properties.privateDnsZoneId", required=True),
        ),
        references=(Reference("properties.privateDnsZoneConfigs[].properties.privateDnsZoneId", (ZONE,)),),
        checks=(_zones_match,),
        brings=_records,
    ),
)
