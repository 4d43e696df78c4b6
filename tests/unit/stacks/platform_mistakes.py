"""Mistakes in the settings of the platform, one per way to offend a rule."""

from __future__ import annotations

from typing import Any, Final

from tests.unit.stacks.mistakes import Mistake
from tests.unit.stacks.samples import REMOVED, tenants

HUB: Final[dict[str, Any]] = {"virtualNetworkId": "/subscriptions/x/virtualNetworks/hub"}
APART: Final = "move one of them"
LARGER: Final = "choose a larger range"
SAFE: Final = "remove the line: the class sets a safe value"


def _network(key: str, value: str, rule: str, action: str) -> Mistake:
    return Mistake("lower", {f"network.{key}": value}, f"network.{key}", value, rule, action)


def _hub(*ranges: str) -> dict[str, Any]:
    return {"network.hub": {**HUB, "addressSpace": list(ranges)}}


ADDRESSES: Final[dict[str, Mistake]] = {
    "a subnet outside the network": _network("nodes", "10.41.0.0/20", "addressSpace, which is 10.40.0.0/16", "inside"),
    "two subnets overlap": _network("database", "10.40.16.0/28", "", APART)._replace(
        path="network.endpoints", value="10.40.16.0/24", rule="overlap network.database, which is 10.40.16.0/28"
    ),
    "pods overlap services": _network("pods", "10.245.0.0/16", "overlap network.services", APART),
    "pods overlap the network": _network("pods", "10.40.0.0/16", "overlap network.addressSpace", APART),
    "services overlap the hub": Mistake(
        "lower",
        _hub("10.0.0.0/16", "10.245.0.0/24"),
        "network.services",
        "10.245.0.0/16",
        "overlap network.hub.addressSpace[1], which is 10.245.0.0/24",
        APART,
    ),
    "the network overlaps the hub": Mistake(
        "lower",
        _hub("10.40.8.0/24"),
        "network.addressSpace",
        "10.40.0.0/16",
        "overlap network.hub.addressSpace[0], which is 10.40.8.0/24",
        APART,
    ),
    "pods have public addresses": _network("pods", "11.0.0.0/16", "a private range", "choose a private range"),
    "services use what AKS keeps": _network("services", "172.31.0.0/16", "172.30.0.0/15, which AKS keeps", "another"),
    "the endpoints' subnet does not hold every vault": Mistake(
        "lower",
        {"network.endpoints": "10.40.16.0/28", "tenants": tenants(10)},
        "network.endpoints",
        "10.40.16.0/28",
        "holds 12 private endpoints' addresses (2 of the platform + 10 tenants' vaults); "
        "it has 16 - 5 kept by Azure = 11",
        LARGER,
    ),
    "a private registry takes two more endpoints": Mistake(
        "lower",
        {"network.endpoints": "10.40.16.0/28", "tenants": tenants(8), "registry.private": True},
        "network.endpoints",
        "10.40.16.0/28",
        "(4 of the platform + 8 tenants' vaults)",
        LARGER,
    ),
    "the nodes' subnet does not hold every node": _network(
        "nodes",
        "10.40.0.0/28",
        "holds 16 addresses (14 nodes at their maximum in mid-upgrade + 2 beside them); "
        "it has 16 - 5 kept by Azure = 11",
        LARGER,
    ),
    "the pods' range does not hold every node": _network("pods", "10.244.0.0/21", "of 14 nodes; it holds 8", LARGER),
    "the pods' range is less than one node's": _network("pods", "10.244.0.0/25", "of 14 nodes; it holds 0", LARGER),
    "the database's subnet is too small": _network("database", "10.40.17.0/29", "a /28 or larger", "choose a /28"),
    "the resolver's subnet is too small": _network("resolver", "10.40.17.16/29", "a /28 or larger", "choose a /28"),
    "the services' range is too small": _network("services", "10.245.0.0/26", "between /13 and /24", "a /16"),
    "DNS is forwarded without a hub": Mistake(
        "lower",
        {"network.dnsForwarding": {"corp.contoso.com": ["10.0.4.4"]}},
        "network.dnsForwarding",
        "corp.contoso.com",
        "reached through a hub",
        "add network.hub",
    ),
    "a domain without DNS servers": Mistake(
        "lower",
        _hub("10.0.0.0/16") | {"network.dnsForwarding": {"corp.contoso.com": []}},
        "network.dnsForwarding.corp.contoso.com",
        "0 addresses",
        "1 to 6 DNS servers",
        "list the addresses",
    ),
}

AZURE: Final[dict[str, Mistake]] = {
    "a region that does not exist": Mistake(
        "lower", {"azure.location": "westeurop"}, "azure.location", "westeurop", "public region", "`westeurope`?"
    ),
    "a region unlike any": Mistake(
        "lower", {"azure.location": "mars"}, "azure.location", "mars", "az account list-locations", "choose one"
    ),
    "a tag of the platform's own": Mistake(
        "lower", {"tags": {"Tenant": "me"}}, "tags.Tenant", "me", "none of the platform's own tags: class,", "another"
    ),
    "a tag with a forbidden character": Mistake(
        "lower", {"tags": {"cost/centre": "1"}}, "tags.cost/centre", "1", "without < > %", "leave these"
    ),
    "a tag with a long value": Mistake(
        "lower",
        {"tags": {"note": "x" * 257}},
        "tags.note",
        f"{'x' * 80}… (257 characters)",
        "a value of at most 256",
        "shorten it",
    ),
    "more tags than a resource has": Mistake(
        "lower",
        {"tags": {f"t{number}": "1" for number in range(45)}},
        "tags",
        "a map of 45 keys",
        "at most 44; a resource has 50, 6 of them the platform's",
        "remove some",
    ),
}

CLUSTER: Final[dict[str, Mistake]] = {
    "a pool's minimum above its maximum": Mistake(
        "lower",
        {"kubernetes.taskPool": {"minimum": 9, "maximum": 8}},
        "kubernetes.taskPool.minimum",
        "9",
        "not above kubernetes.taskPool.maximum, which is 8",
        "lower it",
    ),
    "a system pool that may be empty": Mistake(
        "lower",
        {"kubernetes.systemPool": {"minimum": 0}},
        "kubernetes.systemPool.minimum",
        "0",
        "at least 1",
        "raise it",
    ),
    "a public API server for everybody": Mistake(
        "lower",
        {"kubernetes.authorizedRanges": REMOVED},
        "kubernetes.authorizedRanges",
        "(none)",
        "says who may reach it",
        "set kubernetes.private to true",
    ),
    "ranges for a private API server": Mistake(
        "higher",
        {"kubernetes": {"authorizedRanges": ["203.0.113.0/28"]}},
        "kubernetes.authorizedRanges",
        "a list of 1",
        "only a public API server",
        "remove them",
    ),
    "the whole internet as authorised range": Mistake(
        "sandbox",
        {"kubernetes": {"authorizedRanges": ["203.0.113.0/28", "0.0.0.0/0"]}},
        "kubernetes.authorizedRanges[1]",
        "0.0.0.0/0",
        "a /8 or narrower",
        "name the ranges",
    ),
    "half the internet as authorised range": Mistake(
        "lower",
        {"kubernetes.authorizedRanges": ["128.0.0.0/1"]},
        "kubernetes.authorizedRanges[0]",
        "128.0.0.0/1",
        "not the whole internet",
        "name the ranges",
    ),
    "an untested pair of Airflow and chart": Mistake(
        "lower",
        {"airflow.chart": "1.18.0"},
        "airflow.version",
        "3.3.2 with chart 1.18.0",
        "3.3.2 with 1.22.0",
        "leave both away",
    ),
    "an unsupported Kubernetes": Mistake(
        "lower", {"kubernetes.version": "1.21"}, "kubernetes.version", "1.21", "one of 1.34, 1.35, 1.36", "in quotes"
    ),
    "an unsupported PostgreSQL": Mistake(
        "lower", {"database": {"version": "13"}}, "database.version", "13", "one of 16, 17", "in quotes"
    ),
    "`latest` as Airflow's tag": Mistake(
        "lower", {"airflow.image.tag": "latest"}, "airflow.image.tag", "latest", "never moves", "name the version"
    ),
    "`latest` as PgBouncer's tag": Mistake(
        "lower",
        {"images.pgbouncer.tag": "latest"},
        "images.pgbouncer.tag",
        "latest",
        "never moves",
        "name the version",
    ),
    "an image of another registry": Mistake(
        "lower",
        {"airflow.image.repository": "docker.io/apache/airflow"},
        "airflow.image.repository",
        "docker.io/apache/airflow",
        "relative to the stack's registry",
        "`apache/airflow`",
    ),
    "a tag in a repository": Mistake(
        "lower",
        {"images.pgbouncer.repository": "ariel/pgbouncer:1"},
        "images.pgbouncer.repository",
        "ariel/pgbouncer:1",
        "no host, no port, no tag",
        "`ariel/pgbouncer`",
    ),
}

DATABASE: Final[dict[str, Mistake]] = {
    "a SKU that does not exist": Mistake(
        "lower", {"database": {"sku": "Standard_D2ds_v9"}}, "database.sku", "Standard_D2ds_v9", "documented", "_v"
    ),
    "a SKU unlike any": Mistake("lower", {"database": {"sku": "big"}}, "database.sku", "big", "documented", "choose"),
    "high availability on a Burstable SKU": Mistake(
        "lower",
        {"database": {"sku": "Standard_B2s", "highAvailability": True}},
        "database.sku",
        "Standard_B2s",
        "Burstable has no standby",
        "Standard_D2ds_v5",
    ),
    "high availability in a region without zones": Mistake(
        "lower",
        {"database": {"highAvailability": True}, "azure.location": "westus"},
        "database.highAvailability",
        "true",
        "westus has none",
        "another azure.location",
    ),
    "a backup's copy from a region without a pair": Mistake(
        "higher",
        {"azure.location": "italynorth"},
        "database.geoBackup",
        "true",
        "italynorth has none",
        "set it to false",
    ),
    "more server connections than the SKU has": Mistake(
        "lower",
        {"pgbouncer": {"replicas": 4, "metadataPoolSize": 210}},
        "pgbouncer.metadataPoolSize",
        "210",
        "4 replicas x (210 runtime + 5 reserve + 8 of 2 tenants) + 9 direct = 901; "
        "Standard_D2ds_v5 has 859 - 15 kept by Azure = 844",
        "raise database.sku to Standard_D4ds_v5, or lower pgbouncer.metadataPoolSize, pgbouncer.replicas or the "
        "tenants' pools by 57 connections",
    ),
    "more server connections, for which the next SKU has exactly enough": Mistake(
        "lower",
        {"pgbouncer": {"replicas": 7, "metadataPoolSize": 229}},
        "pgbouncer.metadataPoolSize",
        "229",
        "= 1703; Standard_D2ds_v5 has 859 - 15 kept by Azure = 844",
        "raise database.sku to Standard_D4ds_v5, or",
    ),
    "more server connections than any SKU has": Mistake(
        "lower",
        {"pgbouncer": {"replicas": 10, "metadataPoolSize": 500}},
        "pgbouncer.metadataPoolSize",
        "500",
        "= 5139",
        "lower pgbouncer.metadataPoolSize",
    ),
    "fewer client connections than components need": Mistake(
        "lower",
        {"tenants": tenants(25)},
        "pgbouncer.maxClientConn",
        "100",
        "1 scheduler x 5 + 2 api server x 5 + 25 processor x 2 + 25 triggerer x 2 = 115; 1 replicas x 100 = 100",
        "at least 115",
    ),
    "a pool for a result backend": Mistake(
        "lower",
        {"pgbouncer": {"resultBackendPoolSize": 5}},
        "pgbouncer.resultBackendPoolSize",
        "5",
        "only Celery has a result backend",
        "remove it",
    ),
}


def _switched_off(path: str) -> Mistake:
    block, _, key = path.partition(".")
    changes = {block: {key: False}} if key else {path: False}
    return Mistake("higher", changes, path, "false", "true in class higher", SAFE)


CLASSES: Final[dict[str, Mistake]] = {
    **{
        f"{path} switched off in higher": _switched_off(path)
        for path in (
            "protect",
            "database.highAvailability",
            "registry.private",
            "vault.purgeProtection",
            "vault.keepOnRemoval",
        )
    },
    "a public API server in higher": _switched_off("kubernetes.private")._replace(
        changes={"kubernetes": {"private": False, "authorizedRanges": ["203.0.113.0/28"]}}
    ),
    "short backups in higher": Mistake(
        "higher", {"database": {"backupDays": 13}}, "database.backupDays", "13", "at least 14 in class higher", SAFE
    ),
    "pipelines write secrets in higher": Mistake(
        "higher",
        {"vault": {"ciMayWrite": True, "ciGroupId": "11111111-1111-4111-8111-111111111111"}},
        "vault.ciMayWrite",
        "true",
        "only the team writes its secrets",
        SAFE,
    ),
    "pipelines write secrets, but whose": Mistake(
        "lower",
        {"vault.ciGroupId": REMOVED},
        "vault.ciGroupId",
        "(missing)",
        "required where vault.ciMayWrite",
        "set vault.ciMayWrite to false",
    ),
    "a list of users outside a sandbox": Mistake(
        "lower", {"airflow.signIn": "simple"}, "airflow.signIn", "simple", "entra in class lower", SAFE
    ),
}

BURSTABLE_IN_HIGHER: Final = Mistake(
    "higher",
    {"database": {"sku": "Standard_B2s"}},
    "database.sku",
    "Standard_B2s",
    "class higher takes no Burstable SKU",
    "Standard_D4ds_v5",
)
"""Offends two rules at once, since class higher asks for high availability as well."""
