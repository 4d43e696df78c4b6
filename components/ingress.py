"""The way in from outside: AKS application routing, with its certificate kept in the platform vault.

The add-on watches Ingress objects of its class. It copies the certificate, which an annotation names by its vault URI,
into a Secret beside the Ingress, and renews it when a new version is in the vault.
Decision and what follows it: docs/adr/0005-ingress-by-application-routing.md.
"""

from __future__ import annotations

from typing import Final

import pulumi

INGRESS_CLASS: Final = "webapprouting.kubernetes.azure.com"
CONTROLLER_NAMESPACE: Final = "app-routing-system"
CERTIFICATE: Final = "airflow-ingress"
"""Name of the certificate in the platform vault, put there by the platform engineers' own certificate process."""


def certificate_uri(vault_uri: pulumi.Input[str]) -> pulumi.Output[str]:
    """URI of the newest version of the certificate."""
    return pulumi.Output.concat(vault_uri, f"certificates/{CERTIFICATE}")
