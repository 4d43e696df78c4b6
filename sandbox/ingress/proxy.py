"""The reverse proxy: each request goes on to the Service of its host and path, and the answer streams back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.ingress.watcher import Watcher

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# RFC 9110, section 7.6.1: they speak of one connection only.
_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)
# What a client claims about itself is not believed: this is the first hop.
_FORWARDED: Final = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"))
# Seconds. A log that is followed may be silent for a while.
_TIMEOUT: Final = httpx.Timeout(connect=5, read=600, write=60, pool=5)
# A Service may still name a pod that has gone; another attempt meets another pod. Nothing was sent by then.
_CONNECT_RETRIES: Final = 3
_LIMITS: Final = httpx.Limits(max_connections=200, max_keepalive_connections=20)

RawHeaders = list[tuple[bytes, bytes]]


def proxy(watcher: Watcher) -> Starlette:
    """The application; it keeps the watcher at work while it runs."""
    transport = httpx.AsyncHTTPTransport(limits=_LIMITS, retries=_CONNECT_RETRIES)
    client = httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(watcher.watch())
        async with client:
            yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    async def forward(request: Request) -> Response:
        host, path = request.url.hostname or "", request.url.path
        target = watcher.routes.target(host, path)
        if target is None:
            return PlainTextResponse(f"no Ingress routes {host}{path}\n", 404)
        try:
            answer = await client.send(_onward(request, target), stream=True)
        except httpx.TransportError as failure:
            return PlainTextResponse(f"the Service behind {host}{path} does not answer ({failure})\n", 502)
        back = StreamingResponse(_body(answer), answer.status_code)
        back.raw_headers = _kept(answer.headers.raw)
        return back

    return Starlette(routes=[Route("/{path:path}", forward, methods=list(_METHODS))], lifespan=running)


def _onward(request: Request, target: str) -> httpx.Request:
    """The request as it came, with its own Host, and who asked for what in the `X-Forwarded-` headers."""
    came = request.scope["headers"]
    has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in came)
    headers = [(name, value) for name, value in _kept(came) if name not in _FORWARDED]
    headers += [
        (b"x-forwarded-for", (request.client.host if request.client else "").encode()),
        (b"x-forwarded-host", request.headers.get("host", "").encode()),
        (b"x-forwarded-proto", request.url.scheme.encode()),
    ]
    # Built past the client, which would add headers of its own and so ask for an encoding that nobody asked for.
    return httpx.Request(
        request.method,
        httpx.URL(target).copy_with(raw_path=_raw_target(request)),
        headers=headers,
        content=request.stream() if has_body else None,
        extensions={"timeout": _TIMEOUT.as_dict()},
    )


def _raw_target(request: Request) -> bytes:
    """Path and query as the client encoded them."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return path + b"?" + query if query else path


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    return [(name.lower(), value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The bytes as they come, still compressed; a client that leaves ends the request behind, too."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
