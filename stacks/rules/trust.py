"""Rules of vaults that tenants share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stacks.errors import Problem
from stacks.rules.rule import Rule
from stacks.settings import Settings
from stacks.tenant import SecretsMode
from stacks.wording import nearest


def shared_mode_names_its_group(settings: Settings) -> Iterator[Problem]:
    for slug, tenant in settings.tenants.items():
        secrets, path = tenant.secrets, f"tenants.{slug}.secrets"
        if secrets.mode is SecretsMode.SHARED and secrets.trust_group is None:
            yield Problem(
                path=f"{path}.trustGroup",
                value="(missing)",
                rule="required where secrets.mode is shared: who shares is declared",
                action="name one of trustGroups, or remove secrets for a vault of the tenant's own",
            )
        elif secrets.mode is SecretsMode.VAULT and secrets.trust_group is not None:
            yield Problem(
                path=f"{path}.trustGroup",
                value=secrets.trust_group,
                rule="only where secrets.mode is shared",
                action="remove it, or set secrets.mode to shared",
            )
        elif secrets.trust_group is not None and secrets.trust_group not in settings.trust_groups:
            known = tuple(settings.trust_groups)
            guess = nearest(secrets.trust_group, known)
            yield Problem(
                path=f"{path}.trustGroup",
                value=secrets.trust_group,
                rule=f"one of trustGroups ({', '.join(known) or 'there is none'})",
                action=f"did you mean `{guess}`?" if guess else f"declare trustGroups.{secrets.trust_group}",
            )


def trust_groups_have_members(settings: Settings) -> Iterator[Problem]:
    for group in settings.trust_groups:
        members = [slug for slug, tenant in settings.tenants.items() if tenant.secrets.trust_group == group]
        if len(members) < 2:
            yield Problem(
                path=f"trustGroups.{group}",
                value=f"members: {', '.join(members) or 'none'}",
                rule="at least two tenants share a vault",
                action="remove the group, or set secrets.mode and secrets.trustGroup of its tenants",
            )


RULES: Final = (
    Rule(shared_mode_names_its_group, reads=("trustGroups",)),
    Rule(trust_groups_have_members, reads=("tenants",)),
)
