"""What AKS adds to pods: the token and variables of a workload identity; and trust in the sandbox's authority.

Owns the policies, which are in `workload_identity.yaml`. They read service accounts from a ConfigMap, because a policy
cannot look an account up; `sandbox.account_mirror` keeps it. Of the webhook's rules only the annotation
`azure.workload.identity/tenant-id` is left out: there is one tenant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

_MANIFEST: Final = Path(__file__).with_suffix(".yaml")
_MANAGER: Final = "ariel-workload-identity"


def apply(kubeconfig: Path, tenant_id: str) -> None:
    """Make the policies as they should be, or leave them so; `tenant_id` is what pods get as AZURE_TENANT_ID."""
    # Here: every start of the command would bear a third more.
    import kubernetes
    from kubernetes.dynamic import DynamicClient

    with kubernetes.config.new_client_from_config(str(kubeconfig)) as api:
        client = DynamicClient(api)
        for manifest in yaml.safe_load_all(_MANIFEST.read_text()):
            if manifest["kind"] == "ConfigMap":
                manifest["data"]["tenant-id"] = tenant_id
            kind = client.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
            client.server_side_apply(kind, body=manifest, field_manager=_MANAGER, force_conflicts=True)
