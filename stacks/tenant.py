"""A tenant: a team with its own DAG repository, described by one block of a stack file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stacks.model import SLUG_PATTERN, Cidr, Cpu, Email, Guid, HostName, Memory, Model, Resources
from stacks.roles import GrantableRole

REPOSITORY_PATTERN = r"^(https://|ssh://|git://|git@)[^\s]+$"
FOLDER_PATTERN = r"^[^/\s][^\s]*$"
BRANCH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$"
SCOPE_PATTERN = r"^/subscriptions/[0-9a-fA-F-]{36}(/[^\s]+)?$"
ALLOWED_IMAGE_PATTERN = r"^[a-z0-9][A-Za-z0-9._/:@*-]*$"
CERTIFICATE_PATTERN = r"^[A-Za-z0-9_.]+(-[A-Za-z0-9_.]+)*$"

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, min_length=3, max_length=20)]
"""Also the name of the tenant's Airflow team, bundle and pool, and the prefix of its DAG ids."""

GroupName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, min_length=2, max_length=20)]


class Repository(Model):
    """Where the tenant's DAGs come from."""

    url: Annotated[str, StringConstraints(pattern=REPOSITORY_PATTERN)]
    """Address that `git clone` takes without a key, password or token; none of these stands in it."""
    branch: Annotated[str, StringConstraints(pattern=BRANCH_PATTERN)] = "main"
    """Branch whose newest revision runs in this environment."""
    path: Annotated[str, StringConstraints(pattern=FOLDER_PATTERN)] = "dags"
    """Folder inside the repository which holds the DAGs."""


class Quota(Model):
    """The most that all task pods of the tenant may use at one time."""

    pods: int = Field(default=20, ge=1, le=500)
    """Task pods; also the slots of the tenant's pool."""
    cpu: Cpu = "8"
    """Cores of all task pods together."""
    memory: Memory = "16Gi"
    """Memory of all task pods together."""


class Processor(Model):
    """The tenant's DAG processor."""

    resources: Resources = Resources(cpu="500m", memory="1Gi")
    """What one replica is given."""
    processes: int = Field(default=2, ge=1, le=16)
    """Files parsed at the same time."""
    file_timeout: int = Field(default=60, ge=5, le=600)
    """Seconds after which the parsing of one file is killed (`dag_processor.dag_file_processor_timeout`)."""
    import_timeout: int = Field(default=30, ge=5, le=600)
    """Seconds that the import of one file may take (`core.dagbag_import_timeout`); below `fileTimeout`."""
    replicas: int = Field(default=1, ge=1, le=4)
    """Processors which run at the same time."""


class Triggerer(Model):
    """The tenant's triggerer, which runs its deferred tasks."""

    enabled: bool = True
    """Whether the tenant has one; without it, its deferrable operators cannot defer."""
    resources: Resources = Resources(cpu="250m", memory="512Mi")
    """What one replica is given."""
    capacity: int = Field(default=200, ge=1, le=5000)
    """Triggers that it runs at the same time (`triggerer.capacity`)."""
    replicas: int = Field(default=1, ge=1, le=4)
    """Triggerers which run at the same time."""


class Egress(Model):
    """One destination outside the platform that the tenant's tasks may reach: a host or a range.

    Network policies know addresses, not names: docs/adr/0009-egress-by-address.md.
    """

    host: HostName | None = None
    """Name of a public destination; opens `port` to every public address. Exactly one of `host` and `cidr` is given."""
    cidr: Cidr | None = None
    """Range of the destination; opens exactly it. Exactly one of `host` and `cidr` is given."""
    port: int = Field(ge=1, le=65535)
    """TCP port."""


class Grant(Model):
    """A role on an Azure scope, given to one of the tenant's identities."""

    role: GrantableRole
    """Built-in role, by name; only roles on data."""
    scope: Annotated[str, StringConstraints(pattern=SCOPE_PATTERN)]
    """ARM id of the one resource which the role opens; never a group or a subscription."""


class Identity(Model):
    """A managed identity of its own for a group of the tenant's DAGs, beside the tenant's own one."""

    grants: tuple[Grant, ...] = ()
    """Roles of this identity."""


class Application(Model):
    """An app registration of somebody else, as which the tenant's tasks may speak; the stack does not make it."""

    client_id: Guid
    """Its application (client) id."""
    tenant_id: Guid | None = None
    """Entra tenant in which it is registered; without it, `azure.tenantId`."""
    certificate: Annotated[str, StringConstraints(pattern=CERTIFICATE_PATTERN)] | None = None
    """Id of the plain secret in the tenant's vault with its certificate and key; without it, it is federated."""


class SecretsMode(StrEnum):
    """Where a tenant's secrets live."""

    VAULT = "vault"
    """A Key Vault of the tenant's own."""
    SHARED = "shared"
    """One vault for all tenants of a trust group, told apart by a name prefix only: vault roles know no prefix."""


class Secrets(Model):
    """Where the tenant's secrets live."""

    mode: SecretsMode = SecretsMode.VAULT
    """`vault`: a Key Vault of the tenant's own. `shared`: the vault of a trust group, read by all of it."""
    trust_group: GroupName | None = None
    """One of `trustGroups`; given exactly where `mode` is `shared`."""


class Alerts(Model):
    """Where the tenant hears of runs that failed; its triggerer sends the messages (docs/notifications.md)."""

    channel: Literal["slack", "email", "webhook"]
    """How; with the connection `alerts` of the tenant's vault."""
    target: Annotated[str, StringConstraints(min_length=1)]
    """A Slack channel (`#weather-data`), a mail address, or the path of a webhook at its connection's host."""
    pager: Annotated[str, StringConstraints(min_length=1)] | None = None
    """Where critical failures go too, with the connection `alerts_pager`."""


class Pools(Model):
    """Server connections that PgBouncer keeps for the tenant's own roles, per PgBouncer replica."""

    processor: int = Field(default=2, ge=1, le=20)
    """Of the role of its DAG processor."""
    triggerer: int = Field(default=2, ge=1, le=20)
    """Of the role of its triggerer."""


class Tenant(Model):
    """One team."""

    owner: Email
    """Who answers for the tenant."""
    group_id: Guid
    """Object id of the Entra group whose members are the team."""
    repository: Repository
    """Where the tenant's DAGs come from."""
    quota: Quota = Quota()
    """The most that all task pods of the tenant may use at one time."""
    processor: Processor = Processor()
    """The tenant's DAG processor."""
    triggerer: Triggerer = Triggerer()
    """The tenant's triggerer, which runs its deferred tasks."""
    egress: tuple[Egress, ...] = ()
    """Destinations of the tenant's tasks beside port 443 of public addresses, which is open to every task."""
    grants: tuple[Grant, ...] = ()
    """Roles of the tenant's own identity (account `task`)."""
    identities: dict[GroupName, Identity] = {}
    """DAG groups with an identity of their own (account `task-<group>`)."""
    applications: dict[GroupName, Application] = {}
    """App registrations which exist already and as which the tenant's tasks may speak, by the name that DAGs use."""
    allowed_images: tuple[Annotated[str, StringConstraints(pattern=ALLOWED_IMAGE_PATTERN)], ...] = ()
    """Images, beside the platform's, that the tenant's tasks may ask for; `*` only as a last part after a `/`."""
    alerts: Alerts | None = None
    """Where the tenant hears of runs that failed."""
    secrets: Secrets = Secrets()
    """Where the tenant's secrets live."""
    pools: Pools = Pools()
    """Server connections that PgBouncer keeps for the tenant's own roles, per PgBouncer replica."""
