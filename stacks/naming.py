"""Physical names: one place that knows each type's length, characters and scope, and never cuts silently.

A name is `<abbreviation>-<organisation>-<stack>[-<purpose>]`. Where that is longer than the type allows, it becomes
`<abbreviation>-<purpose>-<digest of the whole name>`, so that two names never fall together because they were cut.
Sources of limits: Azure, "Naming rules and restrictions for Azure resources"; Kubernetes and PostgreSQL: 63 bytes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

DIGEST_LENGTH = 6
GLOBAL_DIGEST_LENGTH = 8
"""For names that all of Azure shares: organisation and stack are in the digest only."""


class Kind(Enum):
    """A type of named thing: abbreviation, longest name, whether hyphens are allowed, whether unique in all Azure."""

    RESOURCE_GROUP = ("rg", 90, True, False)
    VIRTUAL_NETWORK = ("vnet", 64, True, False)
    SUBNET = ("snet", 80, True, False)
    NETWORK_SECURITY_GROUP = ("nsg", 80, True, False)
    NAT_GATEWAY = ("ng", 80, True, False)
    PUBLIC_IP = ("pip", 80, True, False)
    PEERING = ("peer", 80, True, False)
    DNS_RESOLVER = ("dnspr", 80, True, False)
    DNS_OUTBOUND_ENDPOINT = ("out", 80, True, False)
    DNS_RULESET = ("dnsfrs", 80, True, False)
    PRIVATE_ENDPOINT = ("pe", 64, True, False)
    WORKSPACE = ("log", 63, True, False)
    DATA_COLLECTION_RULE = ("dcr", 64, True, False)
    STORAGE_ACCOUNT = ("st", 24, False, True)
    REGISTRY = ("cr", 50, False, True)
    VAULT = ("kv", 24, True, True)
    DATABASE_SERVER = ("psql", 63, True, True)
    CLUSTER = ("aks", 54, True, False)
    IDENTITY = ("id", 128, True, False)

    def __init__(self, abbreviation: str, longest: int, hyphens: bool, is_global: bool) -> None:
        self.abbreviation = abbreviation
        self.longest = longest
        self.hyphens = hyphens
        self.is_global = is_global


def shorten(
    name: str, longest: int, *, hyphens: bool = True, head: str | None = None, digits: int = DIGEST_LENGTH
) -> str:
    """`name` itself where it is legal; else `head` (its own beginning where none is given) and a digest of all of it.

    `longest` counts characters. Without `hyphens` they are left out, and then too the digest of the full name is kept,
    since `a-b` and `ab` would otherwise become one.
    """
    plain = name if hyphens else name.replace("-", "")
    if plain == name and len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:digits]
    separator = "-" if hyphens else ""
    kept = head or name
    readable = kept if hyphens else kept.replace("-", "")
    return f"{readable[: longest - digits - len(separator)].rstrip('-')}{separator}{digest}"


@dataclass(frozen=True, kw_only=True)
class Names:
    """The physical names of one stack."""

    organisation: str
    stack: str

    def of(self, kind: Kind, purpose: str = "") -> str:
        """The name of the thing of this kind which serves `purpose` (a slug, a component; empty for the only one).

        Where it is too long, purpose and digest stay readable rather than organisation and stack.
        """
        name = "-".join(part for part in (kind.abbreviation, self.organisation, self.stack, purpose) if part)
        return shorten(
            name,
            kind.longest,
            hyphens=kind.hyphens,
            head=f"{kind.abbreviation}-{purpose or self.stack}",
            digits=GLOBAL_DIGEST_LENGTH if kind.is_global else DIGEST_LENGTH,
        )


PLATFORM_IDENTITIES = ("admin", "owner", "runtime", "api-server")
"""Purposes of the platform's own identities, beside those of the cluster (`cluster-...`)."""


def tenant_identities(slug: str, groups: Iterable[str]) -> dict[str, str]:
    """What each identity of a tenant is for (task pods, a DAG group, triggerer, the two database roles) -> its purpose.

    Slugs and groups may hold hyphens, so two tenants can ask for the same purpose (`a` with group `triggerer`, and
    `a-task`); a rule of `stacks.rules.names` refuses that.
    """
    of_tasks = ("task", *(f"task-{group}" for group in groups))
    return {use: f"{slug}-{use}" for use in (*of_tasks, "triggerer", "db-processor", "db-triggerer")}


def trust_vault(group: str) -> str:
    """Purpose of the vault which the tenants of a trust group share."""
    return f"trust-{group}"


def task_namespace(slug: str) -> str:
    """Namespace of a tenant's task pods."""
    return f"tasks-{slug}"


def parse_namespace(slug: str) -> str:
    """Namespace of a tenant's DAG processor, triggerer and git mirror."""
    return f"parse-{slug}"


def processor_role(slug: str) -> str:
    """PostgreSQL role, PgBouncer alias and login of a tenant's DAG processor. A slug has no underscore: one to one."""
    return f"ariel_dagproc_{slug.replace('-', '_')}"


def triggerer_role(slug: str) -> str:
    """PostgreSQL role, PgBouncer alias and login of a tenant's triggerer."""
    return f"ariel_trigger_{slug.replace('-', '_')}"


def role_assignment(scope: str, principal: str, role: str) -> str:
    """GUID of a role assignment: the same for the same three, so that a re-run finds what it made.

    Made from names known before Azure answers; Azure wants a GUID that is unique in the directory.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{principal}|{role}"))


def digest(*parts: str) -> str:
    """Short stable key for a thing that has no name of its own, such as one grant in a list."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]
