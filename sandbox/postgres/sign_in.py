"""Sign-in by token: PostgreSQL hands name and token on by LDAP (`ldap` in pg_hba.conf), and this answers.

A role is opened by a token that the sandbox's Entra issued for PostgreSQL, that is valid now, and whose object id is
the one that the role is bound to. Owns no binding: it reads what `pgaadauth_*` wrote in the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority, TokenRefused
from sandbox.postgres.ldap import INVALID_CREDENTIALS, SUCCESS, NotABindError, bind_answer, missing_bytes, read_bind
from sandbox.postgres.servers import PostgresServers
from sandbox.postgres.tree import ENVIRONMENT

_BOUND_ROLES: Final = (
    "SELECT coalesce(jsonb_object_agg(r.rolname, p.object_id), '{}') "
    "FROM pgaadauth.principal p JOIN pg_roles r ON r.oid = p.role;\n"
)
_LONGEST_BIND: Final = 256 * 1024
_LONGEST_ANSWER: Final = 16 * 1024 * 1024
_SECONDS: Final = 10.0


class _Bindings:
    """Role -> object id of one server, asked anew at every sign-in over one kept session."""

    def __init__(self, servers: PostgresServers, name: str) -> None:
        self._servers = servers
        self._name = name
        self._session: asyncio.subprocess.Process | None = None
        self._one_question = asyncio.Lock()

    async def read(self) -> dict[str, str]:
        """Raises TokenRefused when the server does not tell."""
        async with self._one_question:
            # A session that was kept over a restart of the server says so only when it is used.
            for _ in range(2):
                try:
                    line = await asyncio.wait_for(self._ask(), _SECONDS)
                except (TimeoutError, OSError):
                    line = b""
                if line:
                    found: dict[str, str] = json.loads(line)
                    return found
                await self.close()
        raise TokenRefused("the server does not say which principal the role is bound to")

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(ProcessLookupError):
                session.kill()
            await session.wait()

    async def _ask(self) -> bytes:
        if self._session is None:
            server = self._servers.server(self._name)
            self._session = await asyncio.create_subprocess_exec(
                *self._servers.tree.command(server.home, *server.psql()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT,
                limit=_LONGEST_ANSWER,
            )
        session = self._session
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(_BOUND_ROLES.encode())
        await session.stdin.drain()
        return await session.stdout.readline()


class SignIn:
    """The responder of all servers of a sandbox; `identities` gives name -> object id of the principals of now."""

    def __init__(
        self, servers: PostgresServers, authority: TokenAuthority, identities: Callable[[], Mapping[str, str]]
    ) -> None:
        self._servers = servers
        self._authority = authority
        self._identities = identities
        self._bindings: dict[str, _Bindings] = {}

    async def serve(self) -> None:
        """Listen on the loopback port that the servers know, until cancelled."""
        listener = await asyncio.start_server(self._serve, "127.0.0.1", self._servers.sign_in_port)
        try:
            await listener.serve_forever()
        finally:
            listener.close()
            for bindings in self._bindings.values():
                await bindings.close()

    async def check(self, name: str, token: str) -> None:
        """`name` is `<server>/<role>`. Raises TokenRefused."""
        server, _, role = name.partition("/")
        claims = self._authority.verify(token, POSTGRESQL_AUDIENCE)
        if server not in self._servers.names():
            raise TokenRefused(f"there is no server {server}")
        bound = await self._bindings.setdefault(server, _Bindings(self._servers, server)).read()
        if role not in bound:
            raise TokenRefused("the role is bound to no principal")
        if bound[role].lower() != claims.object_id.lower():
            raise TokenRefused(f"the role is bound to another principal than {claims.object_id}")
        self._servers.server(server).tell(self._servers.tree, self._identities())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2 * _SECONDS):
                while message := await _message(reader):
                    writer.write(await self._answer(message))
                    await writer.drain()
        except (NotABindError, TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # An unbind, a client that went away, or a stranger: nothing is owed.
        finally:
            writer.close()

    async def _answer(self, message: bytes) -> bytes:
        bind = read_bind(message)
        try:
            await self.check(bind.name, bind.password)
        except TokenRefused as refused:
            return bind_answer(bind.number, INVALID_CREDENTIALS, refused.reason)
        return bind_answer(bind.number, SUCCESS, "")


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One whole message; empty when the client has closed."""
    data = await reader.read(1)
    while data and (missing := missing_bytes(data)):
        if len(data) + missing > _LONGEST_BIND:
            raise NotABindError("too long")
        data += await reader.readexactly(missing)
    return data
