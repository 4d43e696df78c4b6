"""kube-scheduler: places pods on the node."""

from __future__ import annotations

from typing import Final

from sandbox.cluster.component import Component
from sandbox.cluster.folder import ClusterFolder


def _arguments(folder: ClusterFolder) -> list[str]:
    serving = folder.serving
    return [
        f"--kubeconfig={folder.component_kubeconfig('kube-scheduler')}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={folder.ports.get('kube-scheduler')}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        "--profiling=false",
    ]


SCHEDULER: Final = Component(
    name="kube-scheduler",
    arguments=_arguments,
    health=lambda folder: f"https://127.0.0.1:{folder.ports.get('kube-scheduler')}/healthz",
    stop_seconds=5,
)
