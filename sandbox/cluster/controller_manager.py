"""kube-controller-manager, with the controllers that have something to do on a cluster of one node without volumes."""

from __future__ import annotations

from typing import Final

from sandbox.cluster.component import Component
from sandbox.cluster.folder import ClusterFolder

CONTROLLERS: Final = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
"""Each one left out is informers and memory saved; volumes, cloud and certificate signing have none here."""

NODE_CONTROLLERS: Final = ("node-lifecycle-controller", "taint-eviction-controller")
"""What else there is to do when there is a node."""


def _arguments(folder: ClusterFolder) -> list[str]:
    serving = folder.serving
    controllers = CONTROLLERS + (NODE_CONTROLLERS if folder.network else ())
    return [
        f"--kubeconfig={folder.component_kubeconfig('kube-controller-manager')}",
        f"--controllers={','.join(controllers)}",
        # The roles of the controllers are bound to their accounts, not to the manager's user.
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        f"--root-ca-file={folder.authority}",
        f"--service-account-private-key-file={folder.service_account_keys.key}",
        "--bind-address=127.0.0.1",
        f"--secure-port={folder.ports.get('kube-controller-manager')}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        "--profiling=false",
    ]


CONTROLLER_MANAGER: Final = Component(
    name="kube-controller-manager",
    arguments=_arguments,
    health=lambda folder: f"https://127.0.0.1:{folder.ports.get('kube-controller-manager')}/healthz",
    stop_seconds=10,
)
