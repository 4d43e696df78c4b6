"""uvicorn on the loopback interface and, with a network, on the address of Azure's public names.

Able to close a connection without an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.arm.app import ABORT
from sandbox.public_endpoints import Certificates


class _Protocol(H11Protocol):
    """Tells the application how to abort the connection, in the scope's extensions."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[ABORT] = transport.abort
            try:
                await inner(scope, receive, send)
            except ClientDisconnect:
                return

        self.app = app


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, so that two of them can end together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Public:
    """What listens on HTTPS beside ARM, and what runs as long as it does."""

    app: ASGIApp
    listener: socket.socket
    certificates: Certificates
    background: tuple[Coroutine[Any, Any, None], ...]


def serve(app: Starlette, port: int, public: Public | None = None) -> None:
    """Serve until SIGTERM or SIGINT. The service keeps its own request log; uvicorn reports only trouble."""
    asyncio.run(_serve(app, port, public))


async def _serve(app: Starlette, port: int, public: Public | None) -> None:
    servers = [_server(app, host="127.0.0.1", port=port)]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with asyncio.TaskGroup() as running:
        following: list[asyncio.Task[None]] = []
        if public is not None:
            tls = public.certificates.listening()
            servers.append(_server(public.app, lifespan="off", ssl_context_factory=lambda *_: tls))
            running.create_task(servers[1].serve(sockets=[public.listener]))
            following += [running.create_task(coroutine) for coroutine in public.background]
        await servers[0].serve()
        stop()
        for task in following:
            task.cancel()


def _server(app: ASGIApp, **settings: Any) -> _Server:
    config = uvicorn.Config(
        app, http=_Protocol, log_level="warning", access_log=False, timeout_graceful_shutdown=1, **settings
    )
    return _Server(config)
