"""What the emulated ARM's Flexible Servers and what stands below them come to in real servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.arm.backing import Backing, Work
from sandbox.arm.errors import ArmError
from sandbox.arm.resource import Resource
from sandbox.arm.types.managedidentity import USER_ASSIGNED_IDENTITY
from sandbox.arm.types.postgresql import ADMINISTRATOR, CONFIGURATION, DATABASE, SERVER
from sandbox.arm.types.server_parameters import PARAMETERS
from sandbox.arm.types.server_states import FAILOVER, NOT_READY, RESTART, START, STOP
from sandbox.arm.world import World
from sandbox.postgres.server import CommandFailedError, Description
from sandbox.postgres.servers import PostgresServers

_SIZED_BY_SKU: Final = ("shared_buffers", "effective_cache_size")
"""Parameters whose default in Azure follows the SKU's memory; the machine's is another."""

_CREATE_DATABASE: Final = """
SELECT format('CREATE DATABASE %I OWNER azure_pg_admin TEMPLATE template0 ENCODING %L LOCALE ''C.UTF-8'' ', :'name',
              :'charset') || :'locale'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""
_DROP_DATABASE: Final = """
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \\gexec
"""
_CREATE_ADMINISTRATOR: Final = """
SELECT format('CREATE ROLE %I', :'name') WHERE to_regrole(quote_ident(:'name')) IS NULL \\gexec
SELECT pgaadauth.map(:'name', :'oid'::uuid, :'kind', true, false) \\g /dev/null
"""
# A role that owns something cannot be dropped; without binding and rights it opens nothing.
_DROP_ADMINISTRATOR: Final = """
SELECT p.role::regrole::text AS role, p.role AS id FROM pgaadauth.principal p
WHERE p.object_id = :'oid'::uuid AND p.admin AND to_regrole(p.role::regrole::text) IS NOT NULL \\gset gone_
\\if :{?gone_id}
DELETE FROM pgaadauth.principal WHERE role = :gone_id;
REVOKE azure_pg_admin FROM :gone_role;
ALTER ROLE :gone_role NOLOGIN NOCREATEDB NOCREATEROLE;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = :gone_id \\g /dev/null
\\set ON_ERROR_STOP 0
DROP ROLE :gone_role;
\\endif
"""
_KINDS: Final = {"user": "user", "group": "group", "serviceprincipal": "service", "unknown": "service"}


def backings(servers: PostgresServers) -> Mapping[str, Backing]:
    """Type -> backing, for the service of the emulated ARM."""
    return {
        SERVER: FlexibleServers(servers),
        CONFIGURATION: Configurations(servers),
        DATABASE: Databases(servers),
        ADMINISTRATOR: Administrators(servers),
    }


@dataclass(frozen=True)
class _Backing:
    servers: PostgresServers

    def act(self, world: World, resource: Resource, effect: str) -> Work:
        raise NotImplementedError(f"{resource.type} has no transition {effect}")

    def _run(self, resource: Resource, script: str, **variables: str) -> None:
        """SQL on the server above `resource`."""
        above = resource.path.parent
        assert above is not None
        server = self.servers.server(above.name)
        described = server.description()
        if described is None or not described.wanted:
            raise NOT_READY.error(name=above.name)
        server.sql(self.servers.tree, script, **variables)


class FlexibleServers(_Backing):
    """A server with its parameters; stopping, starting, failing over."""

    def put(self, world: World, resource: Resource) -> Work:
        wanted = describe(world, resource)
        return lambda: self.servers.apply(wanted)

    def delete(self, _: World, resource: Resource) -> Work:
        return lambda: self.servers.remove(resource.name)

    def act(self, _: World, resource: Resource, effect: str) -> Work:
        name = resource.name
        return {
            START: lambda: self.servers.start(name),
            STOP: lambda: self.servers.stop(name),
            RESTART: lambda: self.servers.restart(name),
            FAILOVER: lambda: self.servers.restart(name, crash=True),
        }[effect]


class Configurations(_Backing):
    """One server parameter: dynamic ones act at once, the others at the next restart."""

    def put(self, world: World, resource: Resource) -> Work:
        above = resource.path.parent
        server = None if above is None else world.find(above)
        assert server is not None
        wanted = describe(world, server)

        def apply() -> None:
            try:
                self.servers.apply(wanted)
            except CommandFailedError as error:
                raise ArmError(400, "InvalidParameterValue", str(error)) from error

        return apply

    def delete(self, world: World, resource: Resource) -> Work:
        raise NotImplementedError("ARM has no DELETE for configurations")


class Databases(_Backing):
    """Databases, owned by the administrators' role."""

    def put(self, _: World, resource: Resource) -> Work:
        charset, collation = resource.properties["charset"], resource.properties["collation"]

        def create() -> None:
            locale = locale_of(collation)
            self._run(resource, _CREATE_DATABASE, name=resource.name, charset=charset, locale=locale)

        return create

    def delete(self, _: World, resource: Resource) -> Work:
        return lambda: self._run(resource, _DROP_DATABASE, name=resource.name)


class Administrators(_Backing):
    """Entra principals that sign in as members of azure_pg_admin."""

    def put(self, _: World, resource: Resource) -> Work:
        known = resource.properties
        kind = _KINDS[known["principalType"].lower()]
        name, oid = known["principalName"], resource.name
        return lambda: self._run(resource, _CREATE_ADMINISTRATOR, name=name, oid=oid, kind=kind)

    def delete(self, _: World, resource: Resource) -> Work:
        return lambda: self._run(resource, _DROP_ADMINISTRATOR, oid=resource.name)


def identities(world: World) -> dict[str, str]:
    """Name -> object id of the managed identities: the directory that `pgaadauth_create_principal` looks into."""
    return {found.name: found.properties["principalId"] for found in world.of_type(USER_ASSIGNED_IDENTITY.type)}


def describe(world: World, server: Resource) -> Description:
    """What ARM knows of a server and its parameters. Values that the service chose by SKU are left to PostgreSQL."""
    found = {name: world.find(server.path.child("configurations", name)) for name in PARAMETERS}
    shown = {name: parameter.properties for name, parameter in found.items() if parameter is not None}
    given = {
        name: properties["value"]
        for name, properties in shown.items()
        if not properties["isReadOnly"]
        and not (name in _SIZED_BY_SKU and properties["value"] == properties["defaultValue"])
    }
    return Description(
        name=server.name,
        host=server.properties["fullyQualifiedDomainName"],
        sku=server.body["sku"]["name"],
        parameters=given | {"pgaadauth.tenant_id": world.settings.tenant_id},
    )


def locale_of(collation: str) -> str:
    """The clause of CREATE DATABASE: en_US.utf8 and its like by ICU, which needs no locale of the system."""
    if collation.upper() in ("C", "POSIX"):
        return "LOCALE_PROVIDER libc"
    language = re.fullmatch(r"([a-z]{2,3})_([A-Z]{2})(\.utf-?8)?", collation, re.IGNORECASE)
    if language is None:
        raise ArmError(400, "InvalidParameterValue", f"The collation '{collation}' is not available.")
    return f"LOCALE_PROVIDER icu ICU_LOCALE '{language[1].lower()}-{language[2].upper()}'"
