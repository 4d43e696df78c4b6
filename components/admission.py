"""The baseline that the API server enforces on every tenant, beside what the executor already makes sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import admissionregistration

from components.admission_policies import binding, namespace_labels, task_changes, task_images, task_pods
from components.namespace import PLATFORM


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    scheduler_account: str
    """Account of the platform's namespace that makes task pods."""
    audience: str
    """Audience of the tokens that Entra accepts."""
    deployer_groups: Sequence[str]
    """Groups, as the API server sees them, whose members run the deployment: on AKS object ids of Entra groups."""


class Admission(pulumi.ComponentResource):
    """Owns the policies on task pods, their changes and images, and on namespaces' labels, with their bindings.

    Output: `policies`, their names.
    """

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ariel:components:Admission", name, None, opts)
        creator = f"system:serviceaccount:{PLATFORM}:{args.scheduler_account}"
        policies = {
            "pods": task_pods(creator, args.audience),
            "changes": task_changes(),
            "images": task_images(),
            "namespaces": namespace_labels(args.deployer_groups),
        }
        child = pulumi.ResourceOptions(parent=self)
        names = []
        for key, manifest in policies.items():
            policy = admissionregistration.v1.ValidatingAdmissionPolicy(
                f"{name}-{key}", metadata=manifest["metadata"], spec=manifest["spec"], opts=child
            )
            bound = binding(manifest["metadata"]["name"])
            admissionregistration.v1.ValidatingAdmissionPolicyBinding(
                f"{name}-{key}",
                metadata=bound["metadata"],
                spec=bound["spec"],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
            names.append(policy.metadata["name"])
        self.policies = pulumi.Output.all(*names)
        self.register_outputs({"policies": self.policies})
