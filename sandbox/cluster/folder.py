"""Where a cluster keeps what: one folder, private to its owner."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from sandbox.network import SandboxNetwork
from sandbox.pki import KeyPair, write_private
from sandbox.ports import KeptPorts


@dataclass(frozen=True)
class ClusterFolder:
    """The files of one cluster below `root`; with a `network` it has a node."""

    root: Path
    network: SandboxNetwork | None = None

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; certificates embedded."""
        return self.root / "kubeconfig"

    @property
    def etcd(self) -> Path:
        """Working folder of etcd and of the API server: the sockets between them are files in it."""
        return self.root / "etcd"

    @property
    def node(self) -> Path:
        """Settings, credentials, images, pods' volumes and logs of the node."""
        return self.root / "node"

    @property
    def dns(self) -> Path:
        """Configuration of the DNS server."""
        return self.root / "coredns"

    @property
    def hosts(self) -> Path:
        """Names of the sandbox, which `sandbox.names` writes beside the cluster."""
        return self.root.parent / "dns" / "hosts"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def authority(self) -> Path:
        """Certificate that servers and clients of this cluster are verified with."""
        return self.pki / "ca.crt"

    @property
    def service_account_keys(self) -> KeyPair:
        """Key pair that signs the tokens of service accounts; the first file is the public key."""
        return KeyPair(self.pki / "service-account.pub", self.pki / "service-account.key")

    @property
    def ports(self) -> KeptPorts:
        """The ports of this cluster."""
        return KeptPorts(self.root / "ports.json")

    @property
    def address(self) -> str:
        """Where the API server listens: a loopback address, unless the node and its pods are to reach it."""
        return self.network.gateway if self.network else "127.0.0.1"

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://{self.address}:{self.ports.get('kube-apiserver')}"

    @property
    def serving(self) -> KeyPair:
        """With what the API server and the controllers show who they are."""
        return self.pair("serving")

    def pair(self, name: str) -> KeyPair:
        """Certificate and key of that name."""
        return KeyPair(self.pki / f"{name}.crt", self.pki / f"{name}.key")

    def component_kubeconfig(self, component: str) -> Path:
        """The kubeconfig with which a component speaks to the API server."""
        return self.root / f"{component}.kubeconfig"

    def issuer(self) -> str:
        """URL of the issuer of service-account tokens, in the shape of AKS, chosen once for this folder.

        The host does not resolve (`.test`, RFC 2606): verifiers read the keys from the API server.
        """
        file = self.root / "issuer"
        if not file.exists():
            write_private(file, f"https://oidc.ariel.test/{uuid.uuid4()}/".encode())
        return file.read_text()
