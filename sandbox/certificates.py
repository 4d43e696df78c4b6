"""TLS by host name: each name's certificate is made by the sandbox's authority when a client first asks for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from sandbox.pki import Authority, KeyPair


class CertificatesByName:
    """Certificates of one authority for the names that `known` accepts; other clients get that of `default`."""

    def __init__(self, authority: Authority, default: KeyPair, known: Callable[[str], bool]) -> None:
        self._authority = authority
        self._default = default
        self._known = known
        self._contexts: dict[str, ssl.SSLContext] = {}

    def listening(self) -> ssl.SSLContext:
        """The context to listen with."""
        context = _context(self._default)
        context.sni_callback = self._choose
        return context

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None and self._known(name.lower()):
            connection.context = self._of(name.lower())

    def _of(self, name: str) -> ssl.SSLContext:
        if name not in self._contexts:
            self._contexts[name] = _context(self._authority.server(f"host-{name}", name, [name]))
        return self._contexts[name]


def _context(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context
