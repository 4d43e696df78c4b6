"""uvicorn on the loopback interface, able to close a connection without an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.arm.app import ABORT


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


def serve(app: Starlette, port: int) -> None:
    """Serve until SIGTERM or SIGINT. The service keeps its own request log; uvicorn reports only trouble."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http=_Protocol,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
