"""Main module of `pulumi-resource-kubernetes`."""

from __future__ import annotations

from sandbox.plugins.kubernetes.plugin import KubernetesPlugin
from sandbox.plugins.server import serve

serve(KubernetesPlugin)
