"""kube-apiserver: certificates for people and components, RBAC and Node authorisation, no anonymous access."""

from __future__ import annotations

from typing import Final

from sandbox.cluster.component import Component
from sandbox.cluster.etcd import SOCKET
from sandbox.cluster.folder import ClusterFolder

SERVICE_RANGE: Final = "10.96.0.0/16"
"""Addresses of services where there is no node (kubeadm's default is 10.96.0.0/12); nothing routes them."""

KUBELET_CLIENT: Final = "kube-apiserver-kubelet-client"
"""Name of the certificate with which it speaks to the kubelet."""


def _arguments(folder: ClusterFolder) -> list[str]:
    serving, signing, issuer = folder.serving, folder.service_account_keys, folder.issuer()
    return [
        f"--etcd-servers={SOCKET}",
        f"--bind-address={folder.address}",
        f"--advertise-address={folder.address}",
        f"--secure-port={folder.ports.get('kube-apiserver')}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={folder.authority}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        # On by default in 1.36 and relied upon: PodSecurity, ResourceQuota, LimitRanger, ServiceAccount,
        # ValidatingAdmissionPolicy, MutatingAdmissionPolicy.
        "--enable-admission-plugins=NodeRestriction",
        *_node_arguments(folder),
        f"--service-account-issuer={issuer}",
        f"--service-account-jwks-uri={issuer}openid/v1/jwks",
        f"--service-account-signing-key-file={signing.key}",
        f"--service-account-key-file={signing.certificate}",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def _node_arguments(folder: ClusterFolder) -> list[str]:
    if folder.network is None:
        # An Endpoints object may not hold the loopback address.
        return ["--endpoint-reconciler-type=none", f"--service-cluster-ip-range={SERVICE_RANGE}"]
    kubelet = folder.pair(KUBELET_CLIENT)
    return [
        f"--service-cluster-ip-range={folder.network.service_range}",
        f"--kubelet-certificate-authority={folder.authority}",
        f"--kubelet-client-certificate={kubelet.certificate}",
        f"--kubelet-client-key={kubelet.key}",
        "--kubelet-preferred-address-types=InternalIP",
    ]


API_SERVER: Final = Component(
    name="kube-apiserver",
    arguments=_arguments,
    health=lambda folder: f"{folder.server}/readyz",
    stop_seconds=15,
    working_folder=lambda folder: folder.etcd,
)
