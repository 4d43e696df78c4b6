"""The one Entra tenant of the sandbox."""

from __future__ import annotations

from typing import Final

TENANT_ID: Final = "5a4d0000-0000-4000-8000-00000000a21e"
"""A fixed, made-up tenant: identities, vaults and servers of the sandbox belong to it."""
