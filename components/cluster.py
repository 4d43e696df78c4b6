"""The AKS cluster, the two identities it works with, and exactly the roles that they need."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerservice, managedidentity

from components.diagnostics import diagnose
from components.placement import Placement
from components.role_assignment import assign_role
from stacks.addressing import SURGE_PERCENT
from stacks.naming import Kind
from stacks.settings import Kubernetes, NodePool

TASK_TAINT = "ariel.dev/tasks=true:NoSchedule"
TASK_NODE_LABELS = {"ariel.dev/pool": "tasks"}
TASK_TOLERATIONS = ({"key": "ariel.dev/tasks", "operator": "Equal", "value": "true", "effect": "NoSchedule"},)
"""What a task pod needs to land on the task pool, and nobody else carries."""
LOG_CATEGORIES = ("kube-apiserver", "kube-audit-admin", "guard", "cluster-autoscaler", "kube-controller-manager")
"""Of the cluster's own logs: what an investigation needs, without the costly read audit."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    placement: Placement
    settings: Kubernetes
    higher: bool
    """Paid control plane (Standard tier) and nodes in three zones."""
    subnet_id: pulumi.Input[str]
    network_id: pulumi.Input[str]
    api_zone_id: pulumi.Input[str] | None
    """Private DNS zone of the API server; needed where the cluster is private."""
    registry_id: pulumi.Input[str]
    platform_vault_id: pulumi.Input[str]
    """Holds the ingress certificate, which the routing add-on reads."""
    workspace_id: pulumi.Input[str]
    admin_group_id: str
    pod_range: str
    service_range: str
    dns_service_ip: str
    protect: bool


class Cluster(pulumi.ComponentResource):
    """Owns the cluster, its node pools, upgrade windows, identities and their roles; nothing inside the cluster.

    Outputs: `id`, `name`, `issuer_url` (OIDC issuer that federated credentials trust), `kubeconfig` (secret).
    """

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Cluster", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        control = self._identity("control")
        kubelet = self._identity("kubelet")
        roles = self._roles_before_the_cluster(control, kubelet)
        cluster = self._cluster(control, kubelet, roles)
        self._task_pool(cluster)
        self._windows(cluster)
        assign_role(
            f"{name}-routing-certificate",
            placement=args.placement,
            role="Key Vault Secrets User",
            scope=args.platform_vault_id,
            principal_id=cluster.ingress_profile.apply(
                lambda profile: profile.web_app_routing.identity.object_id  # made by Azure with the add-on
            ),
            parent=self,
        )
        diagnose(name, target_id=cluster.id, workspace_id=args.workspace_id, parent=self, categories=LOG_CATEGORIES)
        credentials = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=args.placement.resource_group,
            resource_name=cluster.id.apply(lambda known: known.rsplit("/", 1)[-1]),
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[cluster]),
        )
        self.id = cluster.id
        self.name = cluster.name
        self.issuer_url = cluster.oidc_issuer_profile.issuer_url
        self.kubeconfig = pulumi.Output.secret(credentials.kubeconfigs.apply(lambda found: _decoded(found[0].value)))
        self.register_outputs({"id": self.id, "name": self.name, "issuer_url": self.issuer_url})

    def _identity(self, purpose: str) -> managedidentity.UserAssignedIdentity:
        placement = self._args.placement
        return managedidentity.UserAssignedIdentity(
            f"{self._name}-{purpose}",
            resource_name_=placement.names.of(Kind.IDENTITY, f"cluster-{purpose}"),
            resource_group_name=placement.resource_group,
            location=placement.location,
            tags=placement.tags,
            opts=self._child,
        )

    def _roles_before_the_cluster(
        self, control: managedidentity.UserAssignedIdentity, kubelet: managedidentity.UserAssignedIdentity
    ) -> Sequence[pulumi.Resource]:
        """AKS checks them when the cluster is made, so they stand before it."""
        needed = [
            ("subnet", "Network Contributor", self._args.subnet_id, control),
            ("operates-kubelet", "Managed Identity Operator", kubelet.id, control),
            ("pull", "AcrPull", self._args.registry_id, kubelet),
        ]
        if self._args.api_zone_id is not None:
            needed.append(("api-zone", "Private DNS Zone Contributor", self._args.api_zone_id, control))
            needed.append(("network", "Network Contributor", self._args.network_id, control))
        return [
            assign_role(
                f"{self._name}-{key}",
                placement=self._args.placement,
                role=role,
                scope=scope,
                principal_id=identity.principal_id,
                parent=self,
            )
            for key, role, scope, identity in needed
        ]

    def _cluster(
        self,
        control: managedidentity.UserAssignedIdentity,
        kubelet: managedidentity.UserAssignedIdentity,
        roles: Sequence[pulumi.Resource],
    ) -> containerservice.ManagedCluster:
        args, placement, settings = self._args, self._args.placement, self._args.settings
        cluster_name = placement.names.of(Kind.CLUSTER)
        return containerservice.ManagedCluster(
            self._name,
            resource_name_=cluster_name,
            resource_group_name=placement.resource_group,
            location=placement.location,
            dns_prefix=cluster_name,
            kubernetes_version=settings.version,
            sku=containerservice.ManagedClusterSKUArgs(name="Base", tier="Standard" if args.higher else "Free"),
            node_resource_group=placement.names.of(Kind.RESOURCE_GROUP, "nodes"),
            identity=containerservice.ManagedClusterIdentityArgs(
                type=containerservice.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[control.id]
            ),
            identity_profile={
                "kubeletidentity": containerservice.UserAssignedIdentityArgs(
                    resource_id=kubelet.id, client_id=kubelet.client_id, object_id=kubelet.principal_id
                )
            },
            disable_local_accounts=True,
            enable_rbac=True,
            aad_profile=containerservice.ManagedClusterAADProfileArgs(
                managed=True,
                enable_azure_rbac=True,
                admin_group_object_ids=[args.admin_group_id],
                tenant_id=placement.tenant_id,
            ),
            oidc_issuer_profile=containerservice.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            security_profile=containerservice.ManagedClusterSecurityProfileArgs(
                workload_identity=containerservice.ManagedClusterSecurityProfileWorkloadIdentityArgs(enabled=True),
                image_cleaner=containerservice.ManagedClusterSecurityProfileImageCleanerArgs(
                    enabled=True, interval_hours=168
                ),
            ),
            api_server_access_profile=_access(args),
            network_profile=containerservice.ContainerServiceNetworkProfileArgs(
                network_plugin="azure",
                network_plugin_mode="overlay",
                network_dataplane="cilium",
                network_policy="cilium",
                pod_cidr=args.pod_range,
                service_cidr=args.service_range,
                dns_service_ip=args.dns_service_ip,
                outbound_type="userAssignedNATGateway",
                load_balancer_sku="standard",
            ),
            ingress_profile=containerservice.ManagedClusterIngressProfileArgs(
                web_app_routing=containerservice.ManagedClusterIngressProfileWebAppRoutingArgs(
                    enabled=True,
                    nginx=containerservice.ManagedClusterIngressProfileNginxArgs(
                        default_ingress_controller_type="Internal" if settings.private else "AnnotationControlled"
                    ),
                )
            ),
            addon_profiles={
                "azureKeyvaultSecretsProvider": containerservice.ManagedClusterAddonProfileArgs(
                    enabled=True, config={"enableSecretRotation": "true"}
                ),
                "omsagent": containerservice.ManagedClusterAddonProfileArgs(
                    enabled=True,
                    config={"logAnalyticsWorkspaceResourceID": args.workspace_id, "useAADAuth": "true"},
                ),
            },
            auto_upgrade_profile=containerservice.ManagedClusterAutoUpgradeProfileArgs(
                upgrade_channel=settings.upgrade_channel, node_os_upgrade_channel="NodeImage"
            ),
            agent_pool_profiles=[
                containerservice.ManagedClusterAgentPoolProfileArgs(
                    name="system",
                    mode="System",
                    **_pool(settings.system_pool, args),
                )
            ],
            tags=placement.tags,
            # The autoscaler moves the count, the upgrade channel the patch version.
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=list(roles), ignore_changes=["agentPoolProfiles[0].count"]
            ),
        )

    def _task_pool(self, cluster: containerservice.ManagedCluster) -> None:
        containerservice.AgentPool(
            f"{self._name}-tasks",
            agent_pool_name="tasks",
            resource_name_=cluster.name,
            resource_group_name=self._args.placement.resource_group,
            mode="User",
            **_pool(self._args.settings.task_pool, self._args),
            node_labels=TASK_NODE_LABELS,
            node_taints=[TASK_TAINT],
            tags=self._args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["count"]),
        )

    def _windows(self, cluster: containerservice.ManagedCluster) -> None:
        settings = self._args.settings
        after: pulumi.Resource | None = None
        for key, config in (
            ("upgrade", "aksManagedAutoUpgradeSchedule"),
            ("node-image", "aksManagedNodeOSUpgradeSchedule"),
        ):
            after = containerservice.MaintenanceConfiguration(
                f"{self._name}-{key}-window",
                config_name=config,
                resource_name_=cluster.name,
                resource_group_name=self._args.placement.resource_group,
                maintenance_window=containerservice.MaintenanceWindowArgs(
                    schedule=containerservice.ScheduleArgs(
                        weekly=containerservice.WeeklyScheduleArgs(
                            day_of_week=settings.maintenance_day, interval_weeks=1
                        )
                    ),
                    start_time=settings.maintenance_start,
                    duration_hours=4,
                    utc_offset="+00:00",
                ),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[after] if after else None),
            )


def _access(args: ClusterArgs) -> containerservice.ManagedClusterAPIServerAccessProfileArgs:
    if args.settings.private:
        return containerservice.ManagedClusterAPIServerAccessProfileArgs(
            enable_private_cluster=True,
            enable_private_cluster_public_fqdn=False,
            private_dns_zone=args.api_zone_id,
            disable_run_command=True,
        )
    return containerservice.ManagedClusterAPIServerAccessProfileArgs(
        authorized_ip_ranges=list(args.settings.authorized_ranges), disable_run_command=True
    )


def _pool(pool: NodePool, args: ClusterArgs) -> dict[str, object]:
    """What both kinds of pool profile have in common."""
    return {
        "type": "VirtualMachineScaleSets",
        "vm_size": pool.vm_size,
        "os_sku": "AzureLinux",
        "os_type": "Linux",
        "enable_auto_scaling": True,
        "min_count": pool.minimum,
        "max_count": pool.maximum,
        "count": pool.minimum,
        "availability_zones": ["1", "2", "3"] if args.higher else None,
        "vnet_subnet_id": args.subnet_id,
        "upgrade_settings": containerservice.AgentPoolUpgradeSettingsArgs(
            max_surge=f"{SURGE_PERCENT}%", drain_timeout_in_minutes=60
        ),
    }


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode()
