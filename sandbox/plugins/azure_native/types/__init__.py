"""The one table of types, by token. The rows are grouped by Azure's resource provider.

Sources: inputs and API versions from the published SDK (a test compares them), paths and nesting from the ARM
specifications, replacement rules from the published provider's list.
"""

from __future__ import annotations

from sandbox.plugins.azure_native.resource_type import ResourceType
from sandbox.plugins.azure_native.types import (
    authorization,
    containers,
    database,
    dns,
    identity,
    monitoring,
    network,
    storage,
    vault,
)

TABLE: dict[str, ResourceType] = {
    row.type: row
    for module in (authorization, containers, database, dns, identity, monitoring, network, storage, vault)
    for row in module.ROWS
}
