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
from stacks.tenant import SecretsMode


def names_are_distinct(settings: Settings) -> Iterator[Problem]:
    """Compares every tenant-made name of a kind: Azure's by `Names.of`, namespaces, database roles."""
    for (kind, name), owners in sorted(_owners(settings).items()):
        first, *others = owners
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
    for path, purpose in _purposes(settings):
        for kind in Kind:
            owners[kind.name.lower().replace("_", " "), names.of(kind, purpose)].append(path)
    for slug in settings.tenants:
        for namespace in (naming.task_namespace(slug), naming.parse_namespace(slug)):
            owners["namespace", namespace].append(f"tenants.{slug}")
        for role in (naming.processor_role(slug), naming.triggerer_role(slug)):
            owners["database role", role].append(f"tenants.{slug}")
    return owners


def _purposes(settings: Settings) -> Iterator[tuple[str, str]]:
    """Path of a setting -> the purpose for which it has things made."""
    for slug, tenant in settings.tenants.items():
        yield f"tenants.{slug}", slug
        for group in tenant.identities:
            yield f"tenants.{slug}.identities.{group}", naming.group_identity(slug, group)
    shared = (tenant.secrets for tenant in settings.tenants.values() if tenant.secrets.mode is SecretsMode.SHARED)
    for group in sorted({secrets.trust_group for secrets in shared if secrets.trust_group}):
        yield f"trustGroups.{group}", naming.shared_vault(group)


RULES: Final = (Rule(names_are_distinct, reads=("stack", "organisation")),)
