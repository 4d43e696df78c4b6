"""A real Kubernetes cluster of one machine: etcd, API server and controllers as processes of one folder.

Owns the processes, their certificates and the administrator's kubeconfig. Does not own where the binaries come from
(`sandbox.toolchain`). Without a network there is no node: pods stay pending.
"""

from __future__ import annotations

from sandbox.cluster.cluster import Cluster

__all__ = ["Cluster"]
