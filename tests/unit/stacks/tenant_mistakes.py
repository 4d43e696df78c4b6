"""Mistakes in the blocks of tenants, one per way to offend a rule."""

from __future__ import annotations

from typing import Any, Final

from tests.unit.stacks.mistakes import Mistake
from tests.unit.stacks.samples import AZURE_RESOURCE, GUID, TENANT

WEATHER: Final = "tenants.weather"
GRANT: Final = {"role": "Storage Blob Data Reader", "scope": AZURE_RESOURCE}
GROUP: Final = f"/subscriptions/{GUID}/resourceGroups/theirs"
PLATFORM_VAULT: Final = (
    f"/subscriptions/{GUID}/resourceGroups/RG-contoso-dev-data/providers/Microsoft.KeyVault/vaults/v"
)
OTHER_STACKS_VAULT: Final = PLATFORM_VAULT.replace(GUID, GUID.replace("1", "2")).replace("-dev-", "-prod-")
SHARED: Final = {**TENANT, "secrets": {"mode": "shared", "trustGroup": "maps"}}
REASON: Final = {"reason": "one team in two repositories"}
HIDDEN: Final = "(not shown: it looks like a secret)"


def _tenant(key: str, value: Any, below: str, shown: str, rule: str, action: str, class_: str = "lower") -> Mistake:
    """A mistake in the block of the tenant `weather`; `below` is the path behind `tenants.weather.`."""
    return Mistake(class_, {f"tenants.weather.{key}": value}, f"{WEATHER}.{below}", shown, rule, action)


def _slug(slug: str) -> Mistake:
    return Mistake("lower", {f"tenants.{slug}": TENANT}, f"tenants.{slug}", slug, "not the name of a part", "the team")


BLOCKS: Final[dict[str, Mistake]] = {
    **{
        f"the slug {slug}": _slug(slug)
        for slug in ("kube-system", "kube-anything", "default", "airflow", "platform", "data", "admin", "trust-maps")
    },
    "a password in the repository's address": _tenant(
        "repository",
        {"url": "https://someone:hunter2@github.com/contoso/dags.git"},
        "repository.url",
        HIDDEN,
        "without user name, password or token",
        "revoke it",
    ),
    "a token in the repository's address": _tenant(
        "repository", {"url": "https://ghp_x@github.com/c/d.git"}, "repository.url", HIDDEN, "without user", "revoke it"
    ),
    "a password in an ssh address": _tenant(
        "repository", {"url": "ssh://git:pw@github.com/c/d.git"}, "repository.url", HIDDEN, "without user", "revoke it"
    ),
    "code over an unencrypted connection": _tenant(
        "repository",
        {"url": "git://git.contoso.com/d.git"},
        "repository.url",
        "git://git.contoso.com/d.git",
        "https:// or ssh:// outside a sandbox",
        "use https://git.contoso.com/d.git",
    ),
    "an import which may outlast its file": _tenant(
        "processor",
        {"importTimeout": 60},
        "processor.importTimeout",
        "60 s",
        "below fileTimeout, which is 60 s",
        "raise fileTimeout",
    ),
    "egress to two destinations at once": _tenant(
        "egress",
        [{"host": "a.contoso.com", "cidr": "10.9.0.0/28", "port": 1}],
        "egress[0]",
        "a.contoso.com and 10.9.0.0/28",
        "exactly one of host and cidr",
        "second entry",
    ),
    "egress to no destination": _tenant(
        "egress", [{"port": 1}], "egress[0]", "neither host nor cidr", "exactly one of host and cidr", "keep one"
    ),
    "egress to the whole internet": _tenant(
        "egress", [{"cidr": "0.0.0.0/0", "port": 443}], "egress[0].cidr", "0.0.0.0/0", "not the whole", "its host"
    ),
    "egress to the platform's database": _tenant(
        "egress",
        [{"host": "a.contoso.com", "port": 1}, {"cidr": "10.40.17.0/28", "port": 5432}],
        "egress[1].cidr",
        "10.40.17.0/28",
        "overlaps network.addressSpace (10.40.0.0/16)",
        "narrower range",
    ),
    "egress to other tenants' pods": _tenant(
        "egress", [{"cidr": "10.244.3.0/24", "port": 1}], "egress[0].cidr", "10.244.3.0/24", "network.pods", "narrower"
    ),
    "egress to the node's identity": _tenant(
        "egress",
        [{"cidr": "169.254.169.254/32", "port": 80}],
        "egress[0].cidr",
        "169.254.169.254/32",
        "Azure's own 169.254.0.0/16",
        "narrower",
    ),
    "egress listed twice": _tenant(
        "egress",
        [{"host": "a.contoso.com", "port": 1}, {"host": "a.contoso.com", "port": 1}],
        "egress[1]",
        "a.contoso.com:1",
        "egress[0] is the same",
        "remove one",
    ),
    "an allowed image without a version": _tenant(
        "allowedImages",
        ["contoso.azurecr.io/a/b:1", "contoso.azurecr.io/a/b"],
        "allowedImages[1]",
        "contoso.azurecr.io/a/b",
        "a sha256 digest",
        "add the tag",
    ),
    "`latest` as an allowed image's tag": _tenant(
        "allowedImages", ["ariel/tool:latest"], "allowedImages[0]", "ariel/tool:latest", "than `latest`", "add the tag"
    ),
    "a whole registry of allowed images": _tenant(
        "allowedImages", ["docker.io/*"], "allowedImages[0]", "docker.io/*", "never a whole registry", "name a folder"
    ),
    "a star within an allowed image": _tenant(
        "allowedImages", ["a.azurecr.io/*/b:1"], "allowedImages[0]", "a.azurecr.io/*/b:1", "below a folder", "folder"
    ),
    "a webhook as Slack channel": _tenant(
        "alerts",
        {"channel": "slack", "target": "https://hooks.slack.com/services/T/B/x"},
        "alerts.target",
        HIDDEN,
        "never a webhook's address",
        "in quotes",
    ),
    "a pager that is a webhook's address": _tenant(
        "alerts",
        {"channel": "slack", "target": "#weather", "pager": "https://hooks.slack.com/services/T/B/x"},
        "alerts.pager",
        HIDDEN,
        "never a webhook's address",
        "in quotes",
    ),
    "a webhook with a token in its path": _tenant(
        "alerts",
        {"channel": "webhook", "target": "/alerts?key=1"},
        "alerts.target",
        "/alerts?key=1",
        "without host, query or token",
        "into the connection",
    ),
    "alerts that nobody sends": Mistake(
        "lower",
        {
            f"{WEATHER}.alerts": {"channel": "slack", "target": "#weather"},
            f"{WEATHER}.triggerer": {"enabled": False},
        },
        f"{WEATHER}.alerts",
        "slack",
        "only with a triggerer",
        "remove the alerts",
    ),
    "a mail channel without an address": _tenant(
        "alerts", {"channel": "email", "target": "#weather"}, "alerts.target", "#weather", "a mail address", "write it"
    ),
}

GRANTS: Final[dict[str, Mistake]] = {
    "a role on a subscription": _tenant(
        "grants",
        [{**GRANT, "scope": f"/subscriptions/{GUID}"}],
        "grants[0].scope",
        f"/subscriptions/{GUID}",
        "the ARM id of one resource",
        "on each resource",
    ),
    "a role on a resource group": _tenant(
        "grants", [{**GRANT, "scope": GROUP}], "grants[0].scope", GROUP, "opens what comes later", "on each resource"
    ),
    "a role on another tenant's vault": _tenant(
        "identities",
        {"counts": {"grants": [{"role": "Key Vault Secrets User", "scope": PLATFORM_VAULT}]}},
        "identities.counts.grants[0].scope",
        f"{PLATFORM_VAULT[:80]}… ({len(PLATFORM_VAULT)} characters)",
        "outside the resource groups of every stack of ariel (rg-contoso-…)",
        "remove it",
    ),
    "a role on a vault of another stack in another subscription": _tenant(
        "grants",
        [{"role": "Key Vault Secrets User", "scope": OTHER_STACKS_VAULT}],
        "grants[0].scope",
        f"{OTHER_STACKS_VAULT[:80]}… ({len(OTHER_STACKS_VAULT)} characters)",
        "outside the resource groups of every stack of ariel (rg-contoso-…)",
        "remove it",
    ),
    "the same grant twice": _tenant(
        "grants",
        [GRANT, {**GRANT, "scope": AZURE_RESOURCE.replace("theirs", "THEIRS")}],
        "grants[1]",
        f"Storage Blob Data Reader on {AZURE_RESOURCE.replace('theirs', 'THEIRS')[:80]}… "
        f"({len(AZURE_RESOURCE)} characters)",
        "grants[0] is the same",
        "remove one",
    ),
}

TRUST: Final[dict[str, Mistake]] = {
    "a shared vault, but with whom": _tenant(
        "secrets", {"mode": "shared"}, "secrets.trustGroup", "(missing)", "who shares is declared", "name one of"
    ),
    "a trust group beside an own vault": _tenant(
        "secrets", {"trustGroup": "maps"}, "secrets.trustGroup", "maps", "only where secrets.mode is shared", "remove"
    ),
    "a trust group that nobody declared": _tenant(
        "secrets",
        {"mode": "shared", "trustGroup": "maps"},
        "secrets.trustGroup",
        "maps",
        "one of trustGroups (there is none)",
        "declare trustGroups.maps",
    ),
    "a misspelt trust group": Mistake(
        "lower",
        {
            "trustGroups": {"maps": REASON},
            "tenants": {
                "one": SHARED,
                "two": SHARED,
                "three": {**TENANT, "secrets": {"mode": "shared", "trustGroup": "mapz"}},
            },
        },
        "tenants.three.secrets.trustGroup",
        "mapz",
        "one of trustGroups (maps)",
        "did you mean `maps`?",
    ),
    "a trust group of one": Mistake(
        "lower",
        {"trustGroups": {"maps": REASON}, "tenants.weather": SHARED},
        "trustGroups.maps",
        "members: weather",
        "at least two tenants",
        "remove the group",
    ),
    "a shared vault in higher": Mistake(
        "higher",
        {"trustGroups": {"maps": REASON}, "tenants": {"one": SHARED, "two": SHARED}},
        "trustGroups",
        "a map with the key maps",
        "no vault is shared in class higher",
        "set secrets.mode of their tenants to vault",
    ),
}

NAMES: Final[dict[str, Mistake]] = {
    "two tenants' identities of one name": Mistake(
        "lower",
        {"tenants": {"maps": {**TENANT, "identities": {"triggerer": {}}}, "maps-task": TENANT}},
        "tenants.maps-task",
        "identity id-contoso-dev-maps-task-triggerer",
        "tenants.maps has the same one",
        "another slug or group name",
    ),
}
