"""Azure's public host names inside the sandbox: HTTPS on one address, routed by host name, and their DNS names.

Owns certificates, routing and which names exist. Does not own what answers (`sandbox.entra`, `sandbox.blob`, the git
server), nor the address (`sandbox.network`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.arm.resource import SUCCEEDED
from sandbox.arm.types.privatelink import ZONE_GROUP
from sandbox.arm.world import World
from sandbox.names import HostNames
from sandbox.pki import Authority

PORT: Final = 443
OWNER: Final = "azure"
"""Whose names these are in `sandbox.names`."""

_IP_FREEBIND: Final = 15
"""ip(7); module `socket` does not name it. Lets the service listen before the node brings the address."""

_REFRESH_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Hosts:
    """Who answers for which host. A key that begins with a dot stands for every name that ends so.

    The names of a family (an account's, a vault's) exist only while a private endpoint and its zone group lead there;
    the other names always do.
    """

    apps: Mapping[str, ASGIApp]

    def answering(self, host: str) -> ASGIApp | None:
        """The application of a host name without port."""
        name = host.lower()
        return self.apps.get(name) or self.apps.get(f".{name.partition('.')[2]}")

    def names(self, world: World) -> Iterator[str]:
        """The names that resolve now."""
        yield from (name for name in self.apps if not name.startswith("."))
        for group in world.of_type(ZONE_GROUP):
            endpoint = None if group.path.parent is None else world.find(group.path.parent)
            if endpoint is None or endpoint.state != SUCCEEDED or group.state != SUCCEEDED:
                continue
            for config in endpoint.properties["customDnsConfigs"]:
                if self.answering(config["fqdn"]) is not None:
                    yield config["fqdn"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "").partition(":")[0]
        app = self.answering(host) or PlainTextResponse(f"{host}: not part of this sandbox\n", 421)
        await app(scope, receive, send)


class Certificates:
    """A certificate per host name, made by the cluster's authority when a client first asks for the name (SNI)."""

    def __init__(self, pki: Path, hosts: Hosts) -> None:
        self._pki = pki
        self._hosts = hosts
        self._contexts: dict[str, ssl.SSLContext] = {}

    def listening(self) -> ssl.SSLContext:
        """The context to listen with; it has no certificate of its own, so a client must name a host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        # The cluster makes its authority when it starts; nobody who trusts it can ask before.
        if name is None or self._hosts.answering(name) is None or not (self._pki / "ca.crt").exists():
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._of(name.lower())
        return None

    def _of(self, name: str) -> ssl.SSLContext:
        if name not in self._contexts:
            pair = Authority(self._pki, name).server(f"public-{name}", name, [name])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            self._contexts[name] = context
        return self._contexts[name]


def listen(address: str, port: int) -> socket.socket:
    """A socket on an address that the machine need not have yet. Raises OSError when the port is taken or forbidden."""
    # With the protocol named, as asyncio asks before it sets TCP_NODELAY: else a body waits 40 ms for its header's ACK.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    try:
        made.bind((address, port))
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"{error.strerror} ({address}:{port})") from error
    return made


async def publish(hosts: Hosts, world: World, names: HostNames, address: str) -> None:
    """Keep the DNS names equal to what stands in the store, until cancelled."""
    published: set[str] = set()
    while True:
        wanted = set(hosts.names(world))
        if wanted != published:
            try:
                await asyncio.to_thread(names.set, OWNER, dict.fromkeys(sorted(wanted), address))
                published = wanted
            except OSError as error:
                sys.stderr.write(f"The DNS names could not be written, trying again: {error}\n")
        await asyncio.sleep(_REFRESH_SECONDS)
