"""Recordings of the program for the shipped stacks and for variations of them, each made once per process."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.config import NAMESPACE
from infra.program import program
from stacks.stack_file import read_file
from tests.harness import Graph, record

ROOT: Final = Path(__file__).parent.parent
STACKS: Final = ("dev", "prod", "local")

NEWCOMER: Final = "night-shift"
"""A third tenant; its slug has a hyphen, and sorts between the two shipped ones."""


@functools.cache
def settings_of(stack: str) -> str:
    """What stands under `ariel:` in the shipped file, as JSON text: nobody changes it by accident."""
    return json.dumps(read_file(ROOT / f"Pulumi.{stack}.yaml"))


def raw_settings(stack: str) -> dict[str, Any]:
    return dict(json.loads(settings_of(stack)))


def tenant(owner: str = "lead@contoso.com", **fields: Any) -> dict[str, Any]:
    """A tenant's block with what every block needs."""
    return {
        "owner": owner,
        "groupId": "44444444-4444-4444-8444-444444444499",
        "repository": {"url": "https://git.contoso.com/team/dags.git"},
        **fields,
    }


def record_settings(stack: str, raw: Mapping[str, Any], *, preview: bool = False) -> Graph:
    """Records the program with these settings, as the engine would hand them over."""
    return record(program, stack=stack, preview=preview, config={f"{NAMESPACE}{key}": raw[key] for key in raw})


@functools.cache
def graph_of(stack: str, *, preview: bool = False) -> Graph:
    """The shipped stack."""
    return record_settings(stack, raw_settings(stack), preview=preview)


@functools.cache
def graph_with_newcomer(stack: str) -> Graph:
    """The shipped stack with a third tenant that uses everything a block can say."""
    return record_settings(stack, with_tenants(stack, {NEWCOMER: tenant(identities={"counts": {}})}))


def with_tenants(stack: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The shipped settings with further tenants."""
    raw = raw_settings(stack)
    raw["tenants"] = {**raw["tenants"], **copy.deepcopy(dict(more))}
    return raw


def without_tenant(stack: str, slug: str) -> dict[str, Any]:
    raw = raw_settings(stack)
    raw["tenants"] = {key: block for key, block in raw["tenants"].items() if key != slug}
    return raw
