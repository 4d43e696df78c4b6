"""A tenant: a team with its own DAG repository, described by one block of a stack file."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from stacks.model import Cidr, Cpu, Email, Guid, HostName, Memory, Model, Resources
from stacks.roles import GrantableRole

SLUG_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, min_length=3, max_length=20)]
"""Also the name of the tenant's Airflow team, bundle and pool, and the prefix of its DAG ids."""

GroupName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, min_length=2, max_length=20)]


class Repository(Model):
    """Where the tenant's DAGs come from."""

    url: Annotated[str, StringConstraints(pattern=r"^(https://|ssh://|git://|git@)[^\s]+$")]
    branch: str = "main"
    path: Annotated[str, StringConstraints(pattern=r"^[^/\s][^\s]*$")] = "dags"
    """Folder inside the repository which holds the DAGs."""


class Quota(Model):
    """The most that all task pods of the tenant may use at one time."""

    pods: int = Field(default=20, ge=1, le=500)
    cpu: Cpu = "8"
    memory: Memory = "16Gi"


class Processor(Model):
    """The tenant's DAG processor."""

    resources: Resources = Resources(cpu="500m", memory="1Gi")
    processes: int = Field(default=2, ge=1, le=16)
    """Files parsed at the same time."""
    file_timeout: int = Field(default=60, ge=5, le=600)
    """Seconds after which the parsing of one file is killed (`dag_processor.dag_file_processor_timeout`)."""
    import_timeout: int = Field(default=30, ge=5, le=600)
    """Seconds that the import of one file may take (`core.dagbag_import_timeout`); below `fileTimeout`."""
    replicas: int = Field(default=1, ge=1, le=4)


class Triggerer(Model):
    """The tenant's triggerer, which runs its deferred tasks."""

    enabled: bool = True
    resources: Resources = Resources(cpu="250m", memory="512Mi")
    capacity: int = Field(default=200, ge=1, le=5000)
    """Triggers that it runs at the same time (`triggerer.capacity`)."""
    replicas: int = Field(default=1, ge=1, le=4)


class Egress(Model):
    """One destination outside the platform that the tenant's tasks may reach."""

    host: HostName | None = None
    cidr: Cidr | None = None
    port: int = Field(ge=1, le=65535)

    @model_validator(mode="after")
    def _one_destination(self) -> Egress:
        if (self.host is None) == (self.cidr is None):
            raise ValueError("exactly one of host and cidr")
        return self


class Grant(Model):
    """A role on an Azure scope, given to one of the tenant's identities."""

    role: GrantableRole
    scope: Annotated[str, StringConstraints(pattern=r"^/subscriptions/[0-9a-fA-F-]{36}(/[^\s]+)?$")]
    """ARM id of the resource which the role opens; never a whole subscription."""


class Identity(Model):
    """A managed identity of its own for a group of the tenant's DAGs, beside the tenant's own one."""

    grants: tuple[Grant, ...] = ()


class SecretsMode(StrEnum):
    VAULT = "vault"
    """A Key Vault of the tenant's own."""
    SHARED = "shared"
    """One vault for all tenants of a trust group, told apart by a name prefix only: vault roles know no prefix."""


class Secrets(Model):
    mode: SecretsMode = SecretsMode.VAULT
    trust_group: GroupName | None = None

    @model_validator(mode="after")
    def _group_goes_with_shared(self) -> Secrets:
        if (self.mode is SecretsMode.SHARED) != (self.trust_group is not None):
            raise ValueError("trustGroup is given exactly where mode is shared")
        return self


class Alerts(Model):
    """Where the tenant hears of failures."""

    channel: Literal["slack", "email"]
    target: Annotated[str, StringConstraints(min_length=1)]
    """A Slack channel (`#weather-data`) or a mail address."""


class Pools(Model):
    """Server connections that PgBouncer keeps for the tenant's own roles, per PgBouncer replica."""

    processor: int = Field(default=2, ge=1, le=20)
    triggerer: int = Field(default=2, ge=1, le=20)


class Tenant(Model):
    owner: Email
    group_id: Guid
    """Object id of the Entra group whose members are the team."""
    repository: Repository
    quota: Quota = Quota()
    processor: Processor = Processor()
    triggerer: Triggerer = Triggerer()
    egress: tuple[Egress, ...] = ()
    grants: tuple[Grant, ...] = ()
    """Roles of the tenant's own identity (account `task`)."""
    identities: dict[GroupName, Identity] = {}
    """DAG groups with an identity of their own (account `task-<group>`)."""
    allowed_images: tuple[str, ...] = ()
    """Images, beside the platform's, that the tenant's tasks may ask for; `*` only as a last part after a `/`."""
    alerts: Alerts | None = None
    secrets: Secrets = Secrets()
    pools: Pools = Pools()
