"""The table of types, one module per provider namespace."""

from __future__ import annotations

from sandbox.arm.types import managedidentity, resources

SPECS = (*resources.SPECS, *managedidentity.SPECS)
