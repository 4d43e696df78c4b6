"""A tenant's triggerer: it runs the deferred tasks of that tenant and of no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from components import pgbouncer
from components.namespace import PLATFORM
from components.network_policy import (
    GIT_PORT,
    HTTPS_PORT,
    PGBOUNCER_PORT,
    addresses,
    declared,
    egress,
    in_namespace,
    named,
    network_policy,
    public,
)
from components.pod import NAME_LABEL, WORKLOAD_IDENTITY_LABEL, fingerprint
from components.tenant_airflow import (
    application_environment,
    environment,
    log_environment,
    secrets_environment,
    workload,
)
from stacks.naming import triggerer_role
from stacks.tenant import Application, Egress, Repository
from stacks.tenant import Triggerer as TriggererSettings

NAME: Final = "triggerer"


@dataclass(frozen=True, kw_only=True)
class TriggererArgs:
    slug: str
    namespace: pulumi.Input[str]
    """`parse-<slug>`."""
    image: pulumi.Input[str]
    repository: Repository
    stack: str
    triggerer: TriggererSettings
    destinations: Sequence[Egress]
    """The tenant's egress list: triggers speak to the same systems as its tasks."""
    endpoints_range: str
    """Addresses of the private endpoints (vaults, log storage)."""
    client_id: pulumi.Input[str]
    """Of the tenant's identity."""
    password: pulumi.Input[str]
    """Of the tenant's own login at PgBouncer."""
    fernet_key: pulumi.Input[str]
    vault_url: pulumi.Input[str]
    shared_vault: bool
    """Whether the vault belongs to a trust group, so that names in it begin with the slug."""
    log_account_url: pulumi.Input[str]
    log_container: pulumi.Input[str]
    applications: Mapping[str, Application]
    directory: str
    """Entra tenant of the applications that name none."""


class Triggerer(pulumi.ComponentResource):
    """Owns the Deployment with its account, credentials and network policy.

    It serves no logs over the network, for which it would need the API's secret; they go to the log storage.
    Output: `deployment`, the Deployment's name.
    """

    def __init__(self, name: str, args: TriggererArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Triggerer", name, None, opts)
        capacity = str(args.triggerer.capacity)
        deployment = workload(
            name,
            component=NAME,
            slug=args.slug,
            namespace=args.namespace,
            image=args.image,
            # Airflow's own triggerer knows no bundles; this one runs it with the tenant's code at hand.
            command=[
                *("python", "-m", "ariel_runtime.triggerer", "--team-name", args.slug),
                *("--capacity", capacity, "--skip-serve-logs"),
            ],
            resources=args.triggerer.resources,
            replicas=args.triggerer.replicas,
            environment=_environment(args),
            credentials={
                "connection": pgbouncer.url(triggerer_role(args.slug), args.password),
                "fernet-key": pulumi.Output.secret(args.fernet_key),
            },
            restart_on=fingerprint(pulumi.Output.concat(args.password, args.fernet_key)),
            job_type="TriggererJob",
            parent=self,
            client_id=args.client_id,
            pod_labels={WORKLOAD_IDENTITY_LABEL: "true"},
        )
        network_policy(
            name,
            policy=NAME,
            namespace=args.namespace,
            selector={NAME_LABEL: NAME},
            parent=self,
            egress=[
                egress([in_namespace(PLATFORM, {NAME_LABEL: pgbouncer.NAME})], PGBOUNCER_PORT),
                egress([named("git-mirror")], GIT_PORT),
                # The token endpoint is public, and its addresses change.
                egress([addresses(args.endpoints_range), public()], HTTPS_PORT),
                *declared(args.destinations),
            ],
        )
        self.deployment: pulumi.Output[str] = deployment.metadata["name"]
        self.register_outputs({"deployment": self.deployment})


def _environment(args: TriggererArgs) -> dict[str, pulumi.Input[str]]:
    return {
        **environment(args.slug, args.repository, args.stack),
        "AIRFLOW__CORE__FERNET_KEY_CMD": "cat /etc/ariel/credentials/fernet-key",
        **secrets_environment(args.slug, args.repository, args.vault_url, shared=args.shared_vault),
        **log_environment(args.log_account_url, args.log_container),
        **application_environment(args.applications, args.directory),
    }
