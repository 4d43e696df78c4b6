"""etcd: the store of the cluster, reachable only through a socket in a private folder."""

from __future__ import annotations

from typing import Final

from sandbox.cluster.component import Component
from sandbox.cluster.folder import ClusterFolder

SOCKET: Final = "unix://client:0"
"""Relative to the working folder: an absolute path would meet the kernel's limit of 108 bytes (unix(7)).

etcd names the socket file `host:port`.
"""

_PEER: Final = "unix://peer:0"
_NO_FSYNC: Final = "--unsafe-no-fsync"


def etcd(*, durable: bool) -> Component:
    """The store; not `durable` means that a power cut may lose it, in exchange for faster writes."""

    def arguments(folder: ClusterFolder) -> list[str]:
        return [
            "--name=sandbox",
            f"--data-dir={folder.etcd / 'data'}",
            f"--listen-client-urls={SOCKET}",
            f"--advertise-client-urls={SOCKET}",
            f"--listen-peer-urls={_PEER}",
            f"--initial-advertise-peer-urls={_PEER}",
            f"--initial-cluster=sandbox={_PEER}",
            "--log-level=warn",
            *(() if durable else (_NO_FSYNC,)),
        ]

    return Component(
        name="etcd",
        arguments=arguments,
        # It has no address of its own for a client with a certificate; the API server asks it.
        health=lambda folder: f"{folder.server}/readyz/etcd",
        stop_seconds=10,
        listens=False,
        working_folder=lambda folder: folder.etcd,
    )
