"""The table of types, one module per provider namespace or family."""

from __future__ import annotations

from sandbox.arm.types import (
    authorization,
    containerregistry,
    containerservice,
    dnsresolver,
    keyvault,
    managedidentity,
    monitor,
    network,
    network_edge,
    operationalinsights,
    postgresql,
    privatedns,
    privatelink,
    resources,
    storage,
)

SPECS = (
    *resources.SPECS,
    *managedidentity.SPECS,
    *authorization.SPECS,
    *network.SPECS,
    *network_edge.SPECS,
    *privatedns.SPECS,
    *dnsresolver.SPECS,
    *privatelink.SPECS,
    *operationalinsights.SPECS,
    *monitor.SPECS,
    *storage.SPECS,
    *containerregistry.SPECS,
    *keyvault.SPECS,
    *postgresql.SPECS,
    *containerservice.SPECS,
)
