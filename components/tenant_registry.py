"""A tenant's entry in the registry, from which all shared parts learn of it while they run.

One ConfigMap `tenant-<slug>` in the platform's namespace, labelled `ariel.dev/tenant`, with one key `tenant.json`:

    slug, team, bundle, pool    the slug, four times by role
    groupId                     Entra group whose members are the team
    repository                  {url: of the mirror, branch, path}
    environment                 {variable: value} of each task pod: bundle, secrets backend, log container,
                                and applications where the tenant has any
    namespaces                  {tasks, parse}
    accounts                    {account of `tasks`: {clientId}}
    roles                       {database role = alias = login:
                                 {clientId, objectId, poolSize, reservePoolSize, verifier}}
    images                      patterns of images that a task may name: the platform's own, and the declared ones
    slots                       size of the Airflow pool, as many as the quota's pods
    vault                       {url, shared: whether names in it begin with `<slug>--`}
    logs                        {container}
    alerts                      {channel, target, pager where there is one}, or null

PgBouncer's sidecar, the reconciler, the scheduler's executor and the API server's auth manager follow these by label.
So no shared resource holds the list of tenants, and none restarts when a tenant comes or goes.

The SCRAM verifiers stand in a ConfigMap because a Role can name Secrets but not select them by label, and a Role that
names them would hold that list. A verifier lets PgBouncer check a login and cannot be used to log in; the password
behind it has 238 random bits. The engine treats the document as secret all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes import core

from components.git_mirror import mirror_url
from components.pgbouncer import login_verifier
from components.pod import labels
from components.tenant_airflow import task_environment
from stacks.naming import parse_namespace, task_namespace
from stacks.tenant import Alerts, Application, Repository

KEY: Final = "tenant.json"


@dataclass(frozen=True, kw_only=True)
class DatabaseLogin:
    """One of the tenant's own database roles and its login at PgBouncer."""

    client_id: pulumi.Input[str]
    """Of the identity behind the role."""
    object_id: pulumi.Input[str]
    pool_size: int
    """Server connections, per PgBouncer replica."""
    password: pulumi.Input[str]
    salt: pulumi.Input[str]
    """Base64."""


@dataclass(frozen=True, kw_only=True)
class TenantRegistryArgs:
    slug: str
    namespace: pulumi.Input[str]
    """The platform's."""
    group_id: str
    repository: Repository
    client_id: pulumi.Input[str]
    group_client_ids: Mapping[str, pulumi.Input[str]]
    """DAG group -> client id of the group's identity."""
    logins: Mapping[str, DatabaseLogin]
    """Database role -> its login."""
    registry: pulumi.Input[str]
    """Login server of the platform's registry."""
    allowed_images: Sequence[str]
    slots: int
    vault_url: pulumi.Input[str]
    shared_vault: bool
    log_container: pulumi.Input[str]
    applications: Mapping[str, Application]
    directory: str
    """Entra tenant of the applications that name none."""
    alerts: Alerts | None


class TenantRegistry(pulumi.ComponentResource):
    """Owns the ConfigMap; see the module's text for its document.

    Output: `config_map`, its name.
    """

    def __init__(self, name: str, args: TenantRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:TenantRegistry", name, None, opts)
        document = pulumi.Output.json_dumps(_document(args), sort_keys=True)
        config_map = core.v1.ConfigMap(
            name,
            metadata={
                "name": f"tenant-{args.slug}",
                "namespace": args.namespace,
                "labels": labels("tenant-registry", args.slug),
            },
            data={KEY: pulumi.Output.secret(document)},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.config_map: pulumi.Output[str] = config_map.metadata["name"]
        self.register_outputs({"config_map": self.config_map})


def _document(args: TenantRegistryArgs) -> dict[str, Any]:
    slug = args.slug
    return {
        "slug": slug,
        "team": slug,
        "bundle": slug,
        "pool": slug,
        "groupId": args.group_id,
        "repository": {"url": mirror_url(slug), "branch": args.repository.branch, "path": args.repository.path},
        "environment": task_environment(
            slug,
            args.repository,
            vault_url=args.vault_url,
            shared_vault=args.shared_vault,
            log_container=args.log_container,
            applications=args.applications,
            directory=args.directory,
        ),
        "namespaces": {"tasks": task_namespace(slug), "parse": parse_namespace(slug)},
        "accounts": {
            "task": {"clientId": args.client_id},
            **{f"task-{group}": {"clientId": client_id} for group, client_id in args.group_client_ids.items()},
        },
        "roles": {role: _login(login) for role, login in args.logins.items()},
        "images": [pulumi.Output.concat(args.registry, "/*"), *sorted(args.allowed_images)],
        "slots": args.slots,
        "vault": {"url": args.vault_url, "shared": args.shared_vault},
        "logs": {"container": args.log_container},
        "alerts": args.alerts.model_dump(exclude_none=True) if args.alerts else None,
    }


def _login(login: DatabaseLogin) -> dict[str, Any]:
    return {
        "clientId": login.client_id,
        "objectId": login.object_id,
        "poolSize": login.pool_size,
        "reservePoolSize": 0,
        "verifier": login_verifier(login.password, login.salt),
    }
