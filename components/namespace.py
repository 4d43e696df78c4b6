"""A namespace whose pods must be hardened and may talk to nobody, until a policy says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_kubernetes import core

from components.network_policy import name_resolution, network_policy
from components.pod import PURPOSE_LABEL, TENANT_LABEL

PLATFORM: Final = "airflow"
"""The namespace of the Airflow release, PgBouncer, the jobs and the reconciler."""


@dataclass(frozen=True, kw_only=True)
class NamespaceArgs:
    namespace: str
    purpose: str
    """`platform`, `tasks` or `parse`: what the pods in it are; policies select by it."""
    kubernetes_version: str
    """Minor (`1.36`) whose reading of Pod Security holds, so that a cluster upgrade changes no verdict by itself."""
    slug: str | None = None
    """The tenant to which it belongs."""


class Namespace(pulumi.ComponentResource):
    """Owns the namespace with Pod Security `restricted`, and a policy that denies all traffic but name resolution.

    Output: `name`, known only when the namespace exists, so that whoever uses it comes after it.
    """

    def __init__(self, name: str, args: NamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Namespace", name, None, opts)
        namespace = core.v1.Namespace(
            name,
            metadata={
                "name": args.namespace,
                "labels": {
                    **security_labels(args.kubernetes_version),
                    PURPOSE_LABEL: args.purpose,
                    **({TENANT_LABEL: args.slug} if args.slug else {}),
                },
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name: pulumi.Output[str] = namespace.metadata["name"]
        network_policy(
            f"{name}-default",
            policy="default",
            namespace=self.name,
            selector={},
            parent=self,
            egress=[name_resolution()],
            ingress=[],
        )
        self.register_outputs({"name": self.name})


def security_labels(kubernetes_version: str) -> dict[str, str]:
    """Pod Security labels: `restricted` in all three modes, read as of that minor version."""
    modes = ("enforce", "audit", "warn")
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes}
    versions = {f"pod-security.kubernetes.io/{mode}-version": f"v{kubernetes_version}" for mode in modes}
    return levels | versions
