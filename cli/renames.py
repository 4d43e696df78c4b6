"""A slug is for good: a run that would take one away and make its team a new one under another is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.errors import Problem, SettingsError
from stacks.tenant import Tenant


def refuse_renames(deployed: Mapping[str, Any], wanted: Mapping[str, Tenant]) -> None:
    """`deployed` is the stack's export `tenants`, `wanted` the stack file's tenants; both by slug.

    Raises SettingsError for each slug that vanishes while another appears with the same group or DAG repository.
    """
    gone = {slug: tenant for slug, tenant in deployed.items() if slug not in wanted}
    new = {slug: tenant for slug, tenant in wanted.items() if slug not in deployed}
    problems = [
        _problem(old, slug, same)
        for old, export in gone.items()
        for slug, tenant in new.items()
        if (same := _shared(export, tenant))
    ]
    if problems:
        raise SettingsError(problems)


def _shared(export: Mapping[str, Any], tenant: Tenant) -> str:
    """What both have in common, in words; empty where it is nothing."""
    pairs = {
        "groupId": (export.get("groupId"), tenant.group_id),
        "repository": (export.get("repository"), tenant.repository.url),
    }
    return " and ".join(name for name, (before, now) in pairs.items() if before == now)


def _problem(old: str, new: str, same: str) -> Problem:
    return Problem(
        path=f"tenants.{new}",
        value=f"{new}, with the {same} of {old}, which is deployed and no longer in the file",
        rule="a slug is for good: it names vault, log container, namespaces, database roles and DAG ids, and what "
        f"these hold does not move; so {old} would be deleted and {new} begin empty",
        action=f"write {old} again; or, if its secrets, logs and history may go, take {old} out, run `ariel up`, "
        f"and only then add {new}",
    )
