"""Everything an environment may say, as one frozen object."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stacks import versions
from stacks.model import Cidr, Email, Guid, HostName, Model, Resources
from stacks.tenant import GroupName, Slug, Tenant


class EnvironmentClass(StrEnum):
    """How much an environment matters; `stacks.classes` gives each class its secure defaults."""

    SANDBOX = "sandbox"
    LOWER = "lower"
    HIGHER = "higher"


class Azure(Model):
    tenant_id: Guid
    subscription_id: Guid
    location: Annotated[str, StringConstraints(pattern=r"^[a-z]+[0-9]?$")]
    admin_group_id: Guid
    """Entra group of the platform engineers: administrators of cluster and database."""
    admin_group_name: str


class Hub(Model):
    """An existing hub network to peer with, for systems outside Azure."""

    virtual_network_id: Annotated[str, StringConstraints(pattern=r"^/subscriptions/.+/virtualNetworks/[^/]+$")]
    address_space: tuple[Cidr, ...]


class Network(Model):
    address_space: Cidr = "10.40.0.0/16"
    nodes: Cidr = "10.40.0.0/20"
    endpoints: Cidr = "10.40.16.0/24"
    """Private endpoints: one address per vault, registry and storage account."""
    database: Cidr = "10.40.17.0/28"
    """Delegated to the Flexible Server."""
    resolver: Cidr = "10.40.17.16/28"
    """Delegated to the outbound DNS endpoint; used only with `dnsForwarding`."""
    pods: Cidr = "10.244.0.0/16"
    services: Cidr = "10.245.0.0/16"
    hub: Hub | None = None
    dns_forwarding: dict[HostName, tuple[str, ...]] = {}
    """Domain -> addresses of the DNS servers that answer for it (on-premises)."""


class NodePool(Model):
    vm_size: str
    minimum: int = Field(ge=0, le=100)
    maximum: int = Field(ge=1, le=100)


class Kubernetes(Model):
    version: str = versions.KUBERNETES
    private: bool
    """API server without a public address."""
    authorized_ranges: tuple[Cidr, ...] = ()
    """Who may reach a public API server; required where it is not private."""
    system_pool: NodePool
    task_pool: NodePool
    upgrade_channel: Literal["patch", "stable", "node-image", "none"]
    maintenance_day: Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] = "Sunday"
    maintenance_start: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):00$")] = "02:00"
    """UTC."""


class Database(Model):
    version: str = versions.POSTGRESQL
    sku: str
    """Flexible Server SKU such as `Standard_D4ds_v5`; `stacks.capacity` knows its tier and connections."""
    storage_gb: Literal[32, 64, 128, 256, 512, 1024, 2048]
    high_availability: bool
    backup_days: int = Field(ge=7, le=35)
    geo_backup: bool


class PgBouncer(Model):
    replicas: int = Field(ge=1, le=10)
    max_client_conn: int = Field(ge=10, le=20000)
    """Client connections that one replica accepts."""
    metadata_pool_size: int = Field(ge=1, le=500)
    """Server connections of `ariel_runtime` (schedulers, API servers), per replica."""
    reserve_pool_size: int = Field(ge=0, le=100)
    """Further server connections that one replica may open under load."""
    result_backend_pool_size: int | None = None
    """Known from Celery set-ups; refused, since no result backend exists here."""
    resources: Resources = Resources(cpu="250m", memory="256Mi")


class Image(Model):
    repository: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._/:-]*$")]
    """Relative to the stack's registry."""
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]


class Component(Model):
    """One of Airflow's shared components."""

    replicas: int = Field(ge=1, le=10)
    resources: Resources


class Airflow(Model):
    version: str = versions.AIRFLOW
    chart: str = versions.AIRFLOW_CHART
    image: Image
    sign_in: Literal["simple", "entra"]
    host: HostName
    scheduler: Component
    api_server: Component


class Images(Model):
    """Images beside Airflow's own."""

    pgbouncer: Image


class Registry(Model):
    private: bool
    """Private endpoint only; needs the Premium SKU, which is then taken."""


class Vault(Model):
    purge_protection: bool
    soft_delete_days: int = Field(ge=7, le=90)
    keep_on_removal: bool
    """A removed tenant's vault stays in Azure and is adopted when the slug comes back."""
    ci_may_write: bool
    """Whether a pipeline may write the tenants' secrets."""
    ci_group_id: Guid | None = None
    """Entra group of the pipelines which write secrets; required where `ciMayWrite`."""


class Logs(Model):
    workspace_days: int = Field(ge=30, le=730)
    task_days: int = Field(ge=7, le=3650)
    """After which task logs are deleted from blob storage."""


class TrustGroup(Model):
    """Tenants that accept to share one vault, although each of them can then read the others' secrets."""

    reason: Annotated[str, StringConstraints(min_length=10)]


class Settings(Model):
    stack: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=16)]
    """Name of the Pulumi stack; not written in the file, its name says it."""
    class_: EnvironmentClass = Field(alias="class")
    organisation: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,9}$")]
    """Short, part of every physical name."""
    contact: Email
    azure: Azure
    network: Network = Network()
    kubernetes: Kubernetes
    database: Database
    pgbouncer: PgBouncer
    airflow: Airflow
    images: Images
    registry: Registry
    vault: Vault
    logs: Logs
    protect: bool
    """Stateful resources refuse to be deleted (engine protection and an Azure lock)."""
    tags: dict[str, str] = {}
    trust_groups: dict[GroupName, TrustGroup] = {}
    tenants: dict[Slug, Tenant] = {}
