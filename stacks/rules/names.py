"""Rule of physical names: no two things of one kind have the same one, also where names were shortened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from stacks import naming
from stacks.errors import Problem
from stacks.naming import Kind, Names
from stacks.rules.rule import Rule
from stacks.settings import Settings


def names_are_distinct(settings: Settings) -> Iterator[Problem]:
    """Compares every name that the file asks for: Azure's by `Names.of`, namespaces, database roles.

    Azure would refuse the second of two vaults; two identities of one name would be one, with the roles of both.
    """
    for (kind, name), owners in sorted(_owners(settings).items()):
        first, *others = dict.fromkeys(owners)
        for path in others:
            yield Problem(
                path=path,
                value=f"{kind} {name}",
                rule=f"a name of its own; {first} has the same one",
                action="choose another slug or group name for one of them",
            )


def _owners(settings: Settings) -> dict[tuple[str, str], list[str]]:
    """(kind, physical name) -> paths of the settings that ask for it."""
    names = Names(organisation=settings.organisation, stack=settings.stack)
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, kind, purpose in (*_platform(settings), *_tenants(settings)):
        owners[kind.name.lower().replace("_", " "), names.of(kind, purpose)].append(path)
    for slug in settings.tenants:
        for namespace in (naming.task_namespace(slug), naming.parse_namespace(slug)):
            owners["namespace", namespace].append(f"tenants.{slug}")
        for role in (naming.processor_role(slug), naming.triggerer_role(slug)):
            owners["database role", role].append(f"tenants.{slug}")
    return owners


def _platform(settings: Settings) -> Iterator[tuple[str, Kind, str]]:
    yield from (("the platform", Kind.IDENTITY, purpose) for purpose in naming.PLATFORM_IDENTITIES)
    yield from ((f"trustGroups.{group}", Kind.VAULT, naming.trust_vault(group)) for group in settings.trust_groups)


def _tenants(settings: Settings) -> Iterator[tuple[str, Kind, str]]:
    """Path of a setting -> the kinds of things that it has made, and for what."""
    for slug, tenant in settings.tenants.items():
        for kind in (Kind.RESOURCE_GROUP, Kind.VAULT, Kind.PRIVATE_ENDPOINT):
            yield f"tenants.{slug}", kind, slug
        for purpose in naming.tenant_identities(slug, tenant.identities).values():
            yield f"tenants.{slug}", Kind.IDENTITY, purpose


RULES: Final = (Rule(names_are_distinct, reads=("stack", "organisation")),)
