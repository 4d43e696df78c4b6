"""The tools that the sandbox runs: found, fetched or built, and kept in a cache that all checkouts share.

Owns the table of tools and the cache. Does not own what is done with them.
"""

from __future__ import annotations

from sandbox.toolchain.chain import ensure, located, path
from sandbox.toolchain.tool import TOOLS

__all__ = ["TOOLS", "ensure", "located", "path"]
