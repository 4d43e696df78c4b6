"""Rules which concern more than the shape of one value: one function each, by topic, collected here."""

from __future__ import annotations

from typing import Final

from stacks.rules import azure, cluster, database, environment, grants, names, network, tenants, trust
from stacks.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *environment.RULES,
    *azure.RULES,
    *network.RULES,
    *cluster.RULES,
    *database.RULES,
    *trust.RULES,
    *tenants.RULES,
    *grants.RULES,
    *names.RULES,
)
