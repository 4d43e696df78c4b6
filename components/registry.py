"""The container registry of the stack's images."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerregistry

from components.diagnostics import diagnose
from components.placement import Placement
from components.private_endpoint import EndpointNetwork, PrivateEndpoint, PrivateEndpointArgs
from stacks.naming import Kind


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    placement: Placement
    private: bool
    """Reached by private endpoint only, which Azure offers with the Premium SKU."""
    network: EndpointNetwork
    workspace_id: pulumi.Input[str]


class Registry(pulumi.ComponentResource):
    """Owns the registry, its endpoint and diagnostics; who may pull is decided by the cluster. No admin user.

    Outputs: `id`, `login_server`.
    """

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Registry", name, None, opts)
        registry = containerregistry.Registry(
            name,
            registry_name=args.placement.names.of(Kind.REGISTRY),
            resource_group_name=args.placement.resource_group,
            location=args.placement.location,
            sku=containerregistry.SkuArgs(name="Premium" if args.private else "Standard"),
            admin_user_enabled=False,
            public_network_access="Disabled" if args.private else "Enabled",
            tags=args.placement.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.private:
            PrivateEndpoint(
                f"{name}-endpoint",
                PrivateEndpointArgs(
                    placement=args.placement,
                    purpose="registry",
                    target_id=registry.id,
                    group_id="registry",
                    network=args.network,
                ),
                pulumi.ResourceOptions(parent=self),
            )
        diagnose(name, target_id=registry.id, workspace_id=args.workspace_id, parent=self)
        self.id = registry.id
        self.login_server = registry.login_server
        self.register_outputs({"id": self.id, "login_server": self.login_server})
