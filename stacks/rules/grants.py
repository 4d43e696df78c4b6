"""Rules of the roles that tenants' identities are given on Azure resources outside the platform.

A grant opens exactly one resource, in every class. A role on a resource group also opens whatever somebody puts there
later, so that the reviewer of the stack file cannot know what was granted; and a file which only `lower` accepts would
first fail in production.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.errors import Problem
from stacks.naming import Kind
from stacks.rules.rule import Rule
from stacks.settings import Settings
from stacks.tenant import Grant
from stacks.wording import shown

_RESOURCE = re.compile(
    r"^/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/[^/]+(/[^/]+/[^/]+)+$",
    re.IGNORECASE,
)


def grants_open_one_resource(settings: Settings) -> Iterator[Problem]:
    for path, grants in _grants(settings):
        for index, grant in enumerate(grants):
            if _RESOURCE.match(grant.scope) is None:
                yield Problem(
                    path=f"{path}[{index}].scope",
                    value=shown(grant.scope),
                    rule="the ARM id of one resource; a subscription or resource group opens what comes later, too",
                    action="grant the role on each resource (`az resource show --query id`)",
                )


def grants_stay_off_the_platform(settings: Settings) -> Iterator[Problem]:
    """The platform's groups hold the log storage and every tenant's vault; other stacks' groups hold theirs."""
    own = f"{Kind.RESOURCE_GROUP.abbreviation}-{settings.organisation}-".lower()
    for path, grants in _grants(settings):
        for index, grant in enumerate(grants):
            match = _RESOURCE.match(grant.scope)
            if match is not None and match["group"].lower().startswith(own):
                yield Problem(
                    path=f"{path}[{index}].scope",
                    value=shown(grant.scope),
                    rule=f"outside the resource groups of every stack of ariel ({own}…), which hold all tenants' data",
                    action="remove it: the platform grants what a tenant needs there by itself",
                )


def grants_are_listed_once(settings: Settings) -> Iterator[Problem]:
    for path, grants in _grants(settings):
        seen: dict[tuple[str, str], int] = {}
        for index, grant in enumerate(grants):
            first = seen.setdefault((grant.role.value, grant.scope.lower()), index)
            if first != index:
                yield Problem(
                    path=f"{path}[{index}]",
                    value=f"{grant.role.value} on {shown(grant.scope)}",
                    rule=f"each role once per scope (case does not count); {path.rsplit('.', 1)[-1]}[{first}] is the "
                    "same",
                    action="remove one of them",
                )


def _grants(settings: Settings) -> Iterator[tuple[str, tuple[Grant, ...]]]:
    for slug, tenant in settings.tenants.items():
        yield f"tenants.{slug}.grants", tenant.grants
        for group, identity in tenant.identities.items():
            yield f"tenants.{slug}.identities.{group}.grants", identity.grants


RULES: Final = (
    Rule(grants_open_one_resource),
    Rule(grants_stay_off_the_platform, reads=("organisation",)),
    Rule(grants_are_listed_once),
)
