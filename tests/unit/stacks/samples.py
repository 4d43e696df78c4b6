"""Small valid settings to make mistakes in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import pytest

from stacks.errors import Problem, SettingsError
from stacks.load import defaults_of, load, merge
from stacks.settings import Settings

GUID: Final = "11111111-1111-4111-8111-111111111111"
AZURE_RESOURCE: Final = f"/subscriptions/{GUID}/resourceGroups/theirs/providers/Microsoft.Storage/storageAccounts/a"
REMOVED: Final = object()
"""As a changed value: take the key out."""

TENANT: Final[dict[str, Any]] = {
    "owner": "lead@contoso.com",
    "groupId": GUID,
    "repository": {"url": "https://github.com/contoso/dags.git"},
}

RAW: Final[dict[str, Any]] = {
    "organisation": "contoso",
    "contact": "platform@contoso.com",
    "azure": {
        "tenantId": GUID,
        "subscriptionId": GUID,
        "location": "westeurope",
        "adminGroupId": GUID,
        "adminGroupName": "admins",
    },
    "airflow": {"host": "airflow.contoso.com", "image": {"repository": "ariel/airflow", "tag": "1"}},
    "images": {"pgbouncer": {"repository": "ariel/pgbouncer", "tag": "1"}},
    "tenants": {slug: copy.deepcopy(TENANT) for slug in ("weather", "mobility")},
}

OF_CLASS: Final[dict[str, dict[str, Any]]] = {
    "sandbox": {},
    "lower": {"kubernetes": {"authorizedRanges": ["203.0.113.0/28"]}, "vault": {"ciGroupId": GUID}},
    "higher": {},
}


def raw(class_: str = "lower", changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Valid settings of a class with changes: dotted path -> value, or `REMOVED`; missing blocks are made."""
    settings = copy.deepcopy(merge(RAW, OF_CLASS[class_]) | {"class": class_})
    for path, value in (changes or {}).items():
        *blocks, key = path.split(".")
        holder = settings
        for block in blocks:
            holder = holder.setdefault(block, {})
        if value is REMOVED:
            del holder[key]
        else:
            holder[key] = value
    return settings


def tenants(count: int) -> dict[str, Any]:
    """That many tenants."""
    return {f"team-{number}": TENANT for number in range(count)}


def problems(class_: str = "lower", changes: Mapping[str, Any] | None = None, stack: str = "dev") -> list[Problem]:
    """What loading them reports; fails where nothing is reported."""
    with pytest.raises(SettingsError) as refused:
        load(stack, raw(class_, changes))
    return list(refused.value.problems)


def unjudged(class_: str, changes: Mapping[str, Any]) -> Settings:
    """Settings which the models accept, before any rule has seen them."""
    given = raw(class_, changes)
    return Settings.model_validate(merge(defaults_of(class_), given) | {"stack": "dev"})
