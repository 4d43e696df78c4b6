"""Azurite kept equal to the emulated ARM: its accounts and containers, and none beside them."""

from __future__ import annotations

import asyncio
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from sandbox.arm.resource import DELETING, Resource
from sandbox.arm.types.storage import ACCOUNT, BLOB_SERVICE, CONTAINER
from sandbox.arm.world import World
from sandbox.blob.azurite import KEEP_ALIVE_SECONDS, Azurite
from sandbox.blob.shared_key import authorization

_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_REFRESH_SECONDS: Final = 0.5
_MADE: Final = "x-ms-meta-made"
"""On a container in Azurite: when ARM made it. A later one of the same name is another container, and empty."""

Wanted = Mapping[str, Mapping[str, str]]
"""Account -> container -> when it was made."""


class Contents:
    """Speaks to Azurite for `world`; everything goes through `send`, signed with the account's key."""

    def __init__(self, world: World, azurite: Azurite, script: Path) -> None:
        self._world = world
        self._azurite = azurite
        self._script = script
        self._lock = asyncio.Lock()
        self._present: Wanted | None = None
        self._client = httpx.AsyncClient(
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=KEEP_ALIVE_SECONDS / 2),
        )

    def account(self, name: str) -> Resource | None:
        """The storage account of that name."""
        return next((found for found in self._world.of_type(ACCOUNT) if found.name == name.lower()), None)

    def container(self, account: str, name: str) -> Resource | None:
        """The container of that name, if it stands in ARM."""
        return next((found for found in self._containers(account) if found.name == name), None)

    async def current(self) -> None:
        """Return when Azurite holds what ARM has now. Raises httpx.TransportError when it cannot be reached."""
        if self._present == self._wanted():
            return
        async with self._lock:
            wanted = self._wanted()
            if self._present != wanted:
                await self._serve(wanted)
                for account, containers in wanted.items():
                    await self._reconcile(account, containers)
                self._present = wanted

    async def keep(self) -> None:
        """Follow ARM, and start Azurite again when it ended, until cancelled."""
        while True:
            try:
                if self._present and not self._azurite.process.running():
                    self._present = None
                await self.current()
            except (OSError, httpx.HTTPError) as error:
                sys.stderr.write(f"The blob storage is not what it should be, trying again: {error}\n")
            await asyncio.sleep(_REFRESH_SECONDS)

    async def send(
        self,
        method: str,
        account: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> httpx.Response:
        """One request whose answer is not read yet. `path` and `query` percent-encoded; it is sent as it is, or not."""
        target = f"/{account}{path}"
        given = {name.lower(): value for name, value in (headers or {}).items()}
        given["x-ms-date"] = formatdate(usegmt=True)
        given.setdefault("x-ms-version", "2021-10-04")
        url = httpx.URL(self._azurite.endpoint + target + (f"?{query}" if query else ""))
        if url.raw_path.partition(b"?")[0] != target.encode():
            raise httpx.InvalidURL("the path has another, shorter form")
        given["authorization"] = authorization(
            account,
            self._azurite.key(account),
            method=method,
            path=target,
            query=url.query.decode(),
            headers=given,
        )
        request = self._client.build_request(method, url, headers=given, content=content)
        return await self._client.send(request, stream=True)

    def _containers(self, account: str) -> list[Resource]:
        found = self.account(account)
        if found is None:
            return []
        service = found.path.child("blobServices", "default")
        assert service.type == BLOB_SERVICE
        return [child for child in self._world.children(service.key, CONTAINER) if child.state != DELETING]

    def _wanted(self) -> Wanted:
        return {
            account.name: {container.name: repr(container.created) for container in self._containers(account.name)}
            for account in self._world.of_type(ACCOUNT)
        }

    async def _serve(self, wanted: Wanted) -> None:
        if not wanted:
            await asyncio.to_thread(self._azurite.stop)
            return
        if not self._azurite.serves(wanted):
            await asyncio.to_thread(self._azurite.start, self._script, list(wanted))
        give_up = time.monotonic() + _START_SECONDS
        while True:
            try:
                await self._client.get(self._azurite.endpoint)
                return
            except httpx.TransportError:
                if time.monotonic() > give_up or not self._azurite.process.running():
                    raise
                await asyncio.sleep(_POLL_SECONDS)

    async def _reconcile(self, account: str, wanted: Mapping[str, str]) -> None:
        standing = await self._standing(account)
        for name in standing.keys() - wanted.keys():
            await self._change("DELETE", account, name)
        for name, made in wanted.items():
            if standing.get(name, made) != made:
                await self._change("DELETE", account, name)
            if standing.get(name) != made:
                await self._change("PUT", account, name, {_MADE: made})

    async def _standing(self, account: str) -> dict[str, str]:
        found: dict[str, str] = {}
        marker = ""
        while True:
            query = f"comp=list&include=metadata&marker={quote(marker, safe='')}"
            answer = await self.send("GET", account, "/", query)
            listed = ElementTree.fromstring(await answer.aread())  # noqa: S314 - our own process wrote it
            answer.raise_for_status()
            for container in listed.iter("Container"):
                found[container.findtext("Name", "")] = container.findtext("Metadata/made", "")
            marker = listed.findtext("NextMarker") or ""
            if not marker:
                return found

    async def _change(self, method: str, account: str, name: str, headers: Mapping[str, str] | None = None) -> None:
        answer = await self.send(method, account, f"/{name}", "restype=container", headers)
        await answer.aread()
        answer.raise_for_status()
