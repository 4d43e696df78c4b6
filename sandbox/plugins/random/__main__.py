"""Main module of `pulumi-resource-random`."""

from __future__ import annotations

from sandbox.plugins.random.plugin import RandomPlugin
from sandbox.plugins.server import serve

serve(RandomPlugin)
