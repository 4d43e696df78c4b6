"""Everything an environment may say, as one frozen object."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stacks import versions
from stacks.model import Cidr, Email, Guid, HostName, IpAddress, Model, Resources
from stacks.tenant import GroupName, Slug, Tenant

REGION_PATTERN = r"^[a-z]+[0-9]?$"
VIRTUAL_NETWORK_PATTERN = r"^/subscriptions/.+/virtualNetworks/[^/]+$"
HOUR_PATTERN = r"^([01][0-9]|2[0-3]):00$"
IMAGE_REPOSITORY_PATTERN = r"^[a-z0-9][a-z0-9._/:-]*$"
IMAGE_TAG_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"
IMAGE_DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
VM_SIZE_PATTERN = r"^Standard_[A-Z][A-Za-z0-9_-]*$"
STACK_PATTERN = r"^[a-z][a-z0-9]*$"
ORGANISATION_PATTERN = r"^[a-z][a-z0-9]{1,9}$"


class EnvironmentClass(StrEnum):
    """How much an environment matters; `stacks.classes` gives each class its secure defaults."""

    SANDBOX = "sandbox"
    LOWER = "lower"
    HIGHER = "higher"


class Azure(Model):
    """The directory, the subscription and the region."""

    tenant_id: Guid
    """Entra directory."""
    subscription_id: Guid
    """Subscription which holds everything of this stack."""
    location: Annotated[str, StringConstraints(pattern=REGION_PATTERN)]
    """Region, as `az account list-locations` names it."""
    admin_group_id: Guid
    """Entra group of the platform engineers: administrators of cluster and database."""
    admin_group_name: Annotated[str, StringConstraints(min_length=1)]
    """Display name of that group: PostgreSQL's administrators are named, not numbered."""


class Hub(Model):
    """An existing hub network to peer with, for systems outside Azure."""

    virtual_network_id: Annotated[str, StringConstraints(pattern=VIRTUAL_NETWORK_PATTERN)]
    """ARM id of the hub's network."""
    address_space: Annotated[tuple[Cidr, ...], Field(min_length=1)]
    """The hub's ranges, and those which are reached through it."""


class Network(Model):
    """The address plan. Azure never changes a subnet in use: choose it once."""

    address_space: Cidr = "10.40.0.0/16"
    """Of the virtual network; the subnets lie in it."""
    nodes: Cidr = "10.40.0.0/20"
    """The cluster's nodes, its internal load balancer and the private API server."""
    endpoints: Cidr = "10.40.16.0/24"
    """Private endpoints: one address per vault, registry and storage account."""
    database: Cidr = "10.40.17.0/28"
    """Delegated to the Flexible Server."""
    resolver: Cidr = "10.40.17.16/28"
    """Delegated to the outbound DNS endpoint; used only with `dnsForwarding`."""
    pods: Cidr = "10.244.0.0/16"
    """Overlay of the pods, outside the virtual network: a /24 per node."""
    services: Cidr = "10.245.0.0/16"
    """Virtual addresses of Kubernetes services, outside the virtual network."""
    hub: Hub | None = None
    """An existing hub network to peer with, for systems outside Azure."""
    dns_forwarding: dict[HostName, tuple[IpAddress, ...]] = {}
    """Domain -> addresses of the DNS servers that answer for it (on-premises)."""


class NodePool(Model):
    """A pool of like nodes, scaled by the cluster autoscaler."""

    vm_size: Annotated[str, StringConstraints(pattern=VM_SIZE_PATTERN)]
    """Size of one node, such as `Standard_D4ds_v5`."""
    minimum: int = Field(ge=0, le=100)
    """Nodes that always run."""
    maximum: int = Field(ge=1, le=100)
    """Nodes that may run."""


class Kubernetes(Model):
    """The AKS cluster."""

    version: str = versions.KUBERNETES
    """Minor version."""
    private: bool
    """API server without a public address."""
    authorized_ranges: tuple[Cidr, ...] = ()
    """Who may reach a public API server and the web interface; required where it is not private."""
    system_pool: NodePool
    """Nodes of the platform: Airflow's components, the tenants' processors and triggerers."""
    task_pool: NodePool
    """Nodes of task pods, tainted so that nothing else runs there."""
    upgrade_channel: Literal["patch", "node-image", "none"]
    """What AKS upgrades by itself, in the maintenance window; never the minor version, which `version` names."""
    maintenance_day: Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] = "Sunday"
    """Of the weekly maintenance window."""
    maintenance_start: Annotated[str, StringConstraints(pattern=HOUR_PATTERN)] = "02:00"
    """Full hour, UTC."""


class Database(Model):
    """Azure Database for PostgreSQL Flexible Server: Airflow's metadata database."""

    version: str = versions.POSTGRESQL
    """Major version."""
    sku: str
    """Flexible Server SKU such as `Standard_D4ds_v5`; `stacks.capacity` knows its tier and connections."""
    storage_gb: Literal[32, 64, 128, 256, 512, 1024, 2048]
    """To begin with; grows by itself, never shrinks."""
    high_availability: bool
    """A standby which takes over."""
    backup_days: int = Field(ge=7, le=35)
    """Days back to which the server can be restored."""
    geo_backup: bool
    """A copy of the backups in the paired region; a change replaces the server."""


class PgBouncer(Model):
    """The connection pool between Airflow and the server."""

    replicas: int = Field(ge=1, le=10)
    """Pods, each with pools of its own."""
    max_client_conn: int = Field(ge=10, le=20000)
    """Client connections that one replica accepts."""
    metadata_pool_size: int = Field(ge=1, le=500)
    """Server connections of `ariel_runtime` (schedulers, API servers), per replica."""
    reserve_pool_size: int = Field(ge=0, le=100)
    """Further server connections that one replica may open under load."""
    result_backend_pool_size: int | None = None
    """Known from Celery set-ups; refused, since no result backend exists here."""
    resources: Resources = Resources(cpu="250m", memory="256Mi")
    """What one replica is given."""


class Image(Model):
    """An image in the stack's own registry."""

    repository: Annotated[str, StringConstraints(pattern=IMAGE_REPOSITORY_PATTERN)]
    """Relative to the stack's registry, without its host (`ariel/airflow`)."""
    tag: Annotated[str, StringConstraints(pattern=IMAGE_TAG_PATTERN)]
    """A tag which never moves."""
    digest: Annotated[str, StringConstraints(pattern=IMAGE_DIGEST_PATTERN)] | None = None
    """What the registry answered when the tag was pushed (`ariel images push` writes it); pods then run just that."""


class Component(Model):
    """One of Airflow's shared components."""

    replicas: int = Field(ge=1, le=10)
    """Pods."""
    resources: Resources
    """What one replica is given."""


class Airflow(Model):
    """Airflow's shared components."""

    version: str = versions.AIRFLOW
    """Of Airflow itself; tested together with `chart`."""
    chart: str = versions.AIRFLOW_CHART
    """Of the official Helm chart; tested together with `version`."""
    image: Image
    """What scheduler, API server, processors, triggerers and tasks run."""
    sign_in: Literal["simple", "entra"]
    """`entra`: the directory. `simple`: a list of users, for the sandbox only."""
    host: HostName
    """Name under which people reach the UI."""
    scheduler: Component
    """Starts tasks, and has no rights on Azure."""
    api_server: Component
    """UI, public API, and the Execution API of the task pods."""


class Images(Model):
    """Images beside Airflow's own."""

    pgbouncer: Image
    """PgBouncer; the sidecar beside it, which fetches its tokens, runs Airflow's image."""
    statsd: Image = Image(repository="prometheus/statsd-exporter", tag="v0.28.0")
    """Turns Airflow's statsd packets into Prometheus metrics."""


class Registry(Model):
    """The container registry."""

    private: bool
    """Private endpoint only; needs the Premium SKU, which is then taken."""


class Vault(Model):
    """Key Vaults: the platform's and the tenants'."""

    purge_protection: bool
    """A deleted vault cannot be purged before its days are over; can never be switched off again."""
    soft_delete_days: int = Field(ge=7, le=90)
    """Days for which a deleted vault can be recovered; fixed when it is made."""
    keep_on_removal: bool
    """A removed tenant's vault stays in Azure and is adopted when the slug comes back."""
    ci_may_write: bool
    """Whether a pipeline may write the tenants' secrets."""
    ci_group_id: Guid | None = None
    """Entra group of the pipelines which write secrets; required where `ciMayWrite`."""


class Logs(Model):
    """Log Analytics and the storage of task logs."""

    workspace_days: int = Field(ge=30, le=730)
    """Days for which Log Analytics keeps what it is sent."""
    task_days: int = Field(ge=7, le=3650)
    """After which task logs are deleted from blob storage."""


class TrustGroup(Model):
    """Tenants that accept to share one vault, although each of them can then read the others' secrets."""

    reason: Annotated[str, StringConstraints(min_length=10)]
    """Why they accept it; the reviewer reads it."""


class Settings(Model):
    """What `stacks.load` returns: one environment."""

    stack: Annotated[str, StringConstraints(pattern=STACK_PATTERN, max_length=16)]
    """Name of the Pulumi stack; not written in the file, its name says it. Without hyphens: else the stack `dev-x` with
    tenant `y` and the stack `dev` with tenant `x-y` would ask Azure for vaults of one name."""
    class_: EnvironmentClass = Field(alias="class")
    """How much the environment matters: `sandbox`, `lower` or `higher`; decides the defaults."""
    organisation: Annotated[str, StringConstraints(pattern=ORGANISATION_PATTERN)]
    """Short, part of every physical name."""
    contact: Email
    """Who answers for the platform."""
    azure: Azure
    """The directory, the subscription and the region."""
    network: Network = Network()
    """The address plan."""
    kubernetes: Kubernetes
    """The AKS cluster."""
    database: Database
    """Airflow's metadata database."""
    pgbouncer: PgBouncer
    """The connection pool between Airflow and the server."""
    airflow: Airflow
    """Airflow's shared components."""
    images: Images
    """Images beside Airflow's own."""
    registry: Registry
    """The container registry."""
    vault: Vault
    """Key Vaults: the platform's and the tenants'."""
    logs: Logs
    """Log Analytics and the storage of task logs."""
    protect: bool
    """Stateful resources refuse to be deleted (engine protection and an Azure lock)."""
    tags: dict[str, str] = {}
    """Further tags of every Azure resource."""
    trust_groups: dict[GroupName, TrustGroup] = {}
    """Groups of tenants which share one vault; refused in class `higher`."""
    tenants: dict[Slug, Tenant] = {}
    """Slug -> the team's block."""
