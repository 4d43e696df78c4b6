"""Rules of the class of an environment: what only a sandbox may do, and what a higher one may not switch off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from stacks.capacity import BURSTABLE, SERVER_SKUS
from stacks.errors import Problem
from stacks.rules.rule import Rule
from stacks.settings import EnvironmentClass, Settings
from stacks.wording import shown

LEAST_BACKUP_DAYS: Final = 14
"""Two weeks: a mistake made before a holiday is found after it."""

_REMOVE: Final = "remove the line: the class sets a safe value"

SECURE: Final[dict[str, Callable[[Settings], bool]]] = {
    "protect": lambda settings: settings.protect,
    "kubernetes.private": lambda settings: settings.kubernetes.private,
    "database.highAvailability": lambda settings: settings.database.high_availability,
    "registry.private": lambda settings: settings.registry.private,
    "vault.purgeProtection": lambda settings: settings.vault.purge_protection,
    "vault.keepOnRemoval": lambda settings: settings.vault.keep_on_removal,
}
"""Path -> how to read it; true in class `higher`."""


def higher_keeps_its_defaults(settings: Settings) -> Iterator[Problem]:
    if settings.class_ is not EnvironmentClass.HIGHER:
        return
    for path, value in SECURE.items():
        if not value(settings):
            yield Problem(path=path, value="false", rule="true in class higher", action=_REMOVE)
    days = settings.database.backup_days
    if days < LEAST_BACKUP_DAYS:
        rule = f"at least {LEAST_BACKUP_DAYS} in class higher"
        yield Problem(path="database.backupDays", value=str(days), rule=rule, action=_REMOVE)


def higher_has_no_burstable_server(settings: Settings) -> Iterator[Problem]:
    sku = SERVER_SKUS.get(settings.database.sku)
    if settings.class_ is EnvironmentClass.HIGHER and sku is not None and sku.tier == BURSTABLE:
        yield Problem(
            path="database.sku",
            value=settings.database.sku,
            rule="class higher takes no Burstable SKU: it runs out of credits under load",
            action="choose a SKU such as Standard_D4ds_v5",
        )


def pipelines_write_secrets_only_in_lower_classes(settings: Settings) -> Iterator[Problem]:
    vault = settings.vault
    if vault.ci_may_write and settings.class_ is EnvironmentClass.HIGHER:
        rule = "in class higher only the team writes its secrets"
        yield Problem(path="vault.ciMayWrite", value="true", rule=rule, action=_REMOVE)
    if vault.ci_may_write and vault.ci_group_id is None:
        yield Problem(
            path="vault.ciGroupId",
            value="(missing)",
            rule="required where vault.ciMayWrite: the Entra group of the pipelines",
            action="add the group's object id, or set vault.ciMayWrite to false",
        )


def users_sign_in_at_the_directory(settings: Settings) -> Iterator[Problem]:
    if settings.airflow.sign_in == "simple" and settings.class_ is not EnvironmentClass.SANDBOX:
        yield Problem(
            path="airflow.signIn",
            value="simple",
            rule=f"entra in class {settings.class_.value}: `simple` is a list of users for a sandbox",
            action=_REMOVE,
        )


def higher_shares_no_vault(settings: Settings) -> Iterator[Problem]:
    if settings.trust_groups and settings.class_ is EnvironmentClass.HIGHER:
        yield Problem(
            path="trustGroups",
            value=shown(settings.trust_groups),
            rule="no vault is shared in class higher: vault roles know no prefix, so tenants read each other's secrets",
            action="remove trustGroups, and set secrets.mode of their tenants to vault",
        )


RULES: Final = (
    Rule(higher_keeps_its_defaults, reads=("class",)),
    Rule(higher_has_no_burstable_server, reads=("class", "database.sku")),
    Rule(pipelines_write_secrets_only_in_lower_classes, reads=("class", "vault.ciMayWrite")),
    Rule(users_sign_in_at_the_directory, reads=("class", "airflow.signIn")),
    Rule(higher_shares_no_vault, reads=("class",)),
)
