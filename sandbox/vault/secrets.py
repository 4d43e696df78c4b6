"""What Key Vault's data plane does with secrets, on what ARM holds: the newest version of each.

Not modelled: reading older versions, changing the attributes of one (PATCH), backup. Source of names, codes and
texts: Azure Key Vault REST API; soft delete: Key Vault soft-delete overview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from sandbox.arm.errors import Refusal
from sandbox.arm.paths import ResourceId, parse
from sandbox.arm.resource import Resource
from sandbox.arm.service import Service
from sandbox.arm.types.keyvault import SECRET, VERSIONS, deleted_secret

LARGEST: Final = 25_600
"""Bytes of a value. Source: Key Vault service limits."""
PAGE: Final = 25
"""Secrets in one answer to a list, at most."""
NOT_FOUND: Final = Refusal(
    404,
    "SecretNotFound",
    "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may be "
    "able to recover it using the correct recovery command.",
)
NOT_DELETED: Final = Refusal(404, "SecretNotFound", "Deleted Secret not found: {name}")
DISABLED: Final = Refusal(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
PURGE_PROTECTED: Final = Refusal(403, "Forbidden", "Operation purge is not allowed: the vault has purge protection.")
BAD_PARAMETER: Final = Refusal(400, "BadParameter", "Property {name} is invalid")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request to a vault, once its caller is known."""

    service: Service
    vault: Resource
    name: str = ""
    version: str = ""
    body: Any = None
    query: Mapping[str, str]

    @property
    def where(self) -> ResourceId:
        """The vault, or the secret in it: what a role must reach."""
        return self.vault.path.child("secrets", self.name) if self.name else self.vault.path


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`action` is the data action that it takes; `answer` raises ArmError, and None is an answer without a body."""

    action: str
    answer: Callable[[Question], dict[str, Any] | None]


def get(question: Question) -> dict[str, Any]:
    secret = _find(question)
    if question.version not in ("", secret.facts["version"]):
        raise NOT_FOUND.error(name=question.name)
    if (secret.properties.get("attributes") or {}).get("enabled") is False:
        raise DISABLED.error()
    return _with_value(question.vault, secret)


def listed(question: Question) -> dict[str, Any]:
    found = question.service.world.children(question.vault.key, SECRET)
    return _page(question, "secrets", [_without_version(question.vault, secret) for secret in found])


def versions(question: Question) -> dict[str, Any]:
    return {"value": [_shown(question.vault, _find(question))], "nextLink": None}


def set_value(question: Question) -> dict[str, Any]:
    given = question.body
    if not isinstance(given, dict) or not isinstance(given.get("value"), str):
        raise BAD_PARAMETER.error(name="value")
    try:
        size = len(given["value"].encode())
    except UnicodeEncodeError:
        # Half of a pair of surrogates, which JSON can name and no encoding has.
        raise BAD_PARAMETER.error(name="value") from None
    if size > LARGEST:
        raise BAD_PARAMETER.error(name="value")
    properties = {key: given[key] for key in ("value", "contentType", "attributes") if given.get(key) is not None}
    body = {"properties": properties, **({"tags": given["tags"]} if given.get("tags") else {})}
    question.service.engine.put(question.where, body, VERSIONS[0])
    question.service.store.commit()
    return _with_value(question.vault, _find(question))


def delete(question: Question) -> dict[str, Any]:
    secret, world, store = _find(question), question.service.world, question.service.store
    now = world.clock()
    tombstone = {
        "resource": secret.dumps(),
        "deleted": now,
        "until": now + 86400 * question.vault.properties["softDeleteRetentionInDays"],
    }
    store.drop(secret)
    store.put_tombstone(secret.key, tombstone)
    store.commit()
    return _deleted(question.vault, tombstone)


def deleted(question: Question) -> dict[str, Any]:
    return _deleted(question.vault, _tombstone(question))


def all_deleted(question: Question) -> dict[str, Any]:
    world, vault, start = question.service.world, question.vault, f"{question.vault.key}/secrets/"
    paths = [parse(key) for key in question.service.store.tombstones if key.startswith(start)]
    found = [tombstone for path in paths if (tombstone := deleted_secret(world, vault, path)) is not None]
    return _page(question, "deletedsecrets", [_deleted(vault, each) for each in found])


def recover(question: Question) -> dict[str, Any]:
    secret, store = Resource.loads(_tombstone(question)["resource"]), question.service.store
    store.drop_tombstone(secret.key)
    store.put(secret)
    store.commit()
    return _shown(question.vault, secret)


def purge(question: Question) -> None:
    _tombstone(question)
    if question.vault.properties.get("enablePurgeProtection"):
        raise PURGE_PROTECTED.error()
    question.service.store.drop_tombstone(question.where.key)
    question.service.store.commit()


_ACTIONS: Final = "Microsoft.KeyVault/vaults/secrets"
OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("GET", "/secrets"): Operation(action=f"{_ACTIONS}/readMetadata/action", answer=listed),
    ("GET", "/secrets/{name}/versions"): Operation(action=f"{_ACTIONS}/readMetadata/action", answer=versions),
    ("GET", "/secrets/{name}"): Operation(action=f"{_ACTIONS}/getSecret/action", answer=get),
    ("GET", "/secrets/{name}/{version:path}"): Operation(action=f"{_ACTIONS}/getSecret/action", answer=get),
    ("PUT", "/secrets/{name}"): Operation(action=f"{_ACTIONS}/setSecret/action", answer=set_value),
    ("DELETE", "/secrets/{name}"): Operation(action=f"{_ACTIONS}/delete", answer=delete),
    ("GET", "/deletedsecrets"): Operation(action=f"{_ACTIONS}/readMetadata/action", answer=all_deleted),
    ("GET", "/deletedsecrets/{name}"): Operation(action=f"{_ACTIONS}/readMetadata/action", answer=deleted),
    ("POST", "/deletedsecrets/{name}/recover"): Operation(action=f"{_ACTIONS}/recover/action", answer=recover),
    ("DELETE", "/deletedsecrets/{name}"): Operation(action=f"{_ACTIONS}/purge/action", answer=purge),
}
"""(Method, path) -> operation, in the order in which paths are matched. Source: Azure permissions for Key Vault."""


def _find(question: Question) -> Resource:
    secret = question.service.world.find(question.where)
    if secret is None or secret.type != SECRET:
        raise NOT_FOUND.error(name=question.name)
    return secret


def _tombstone(question: Question) -> dict[str, Any]:
    found = deleted_secret(question.service.world, question.vault, question.where)
    if found is None:
        raise NOT_DELETED.error(name=question.name)
    return found


def _page(question: Question, collection: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    start = int(question.query.get("$skiptoken", "0"))
    size = min(int(question.query.get("maxresults", PAGE)), PAGE)
    link = None
    if start + size < len(found):
        rest = urlencode({**question.query, "$skiptoken": start + size})
        link = f"{question.vault.properties['vaultUri']}{collection}?{rest}"
    return {"value": found[start : start + size], "nextLink": link}


def _shown(vault: Resource, secret: Resource) -> dict[str, Any]:
    """All but the value."""
    kind, tags = secret.properties.get("contentType"), secret.body.get("tags")
    purgeable = not vault.properties.get("enablePurgeProtection")
    return {
        "id": secret.properties["secretUriWithVersion"],
        "attributes": {
            "enabled": True,
            **(secret.properties.get("attributes") or {}),
            "created": int(secret.created),
            "updated": int(secret.changed),
            "recoveryLevel": "Recoverable+Purgeable" if purgeable else "Recoverable",
            "recoverableDays": vault.properties["softDeleteRetentionInDays"],
        },
        **({"contentType": kind} if kind else {}),
        **({"tags": tags} if tags else {}),
    }


def _with_value(vault: Resource, secret: Resource) -> dict[str, Any]:
    return {**_shown(vault, secret), "value": secret.hidden["properties.value"]}


def _without_version(vault: Resource, secret: Resource) -> dict[str, Any]:
    return {**_shown(vault, secret), "id": secret.properties["secretUri"]}


def _deleted(vault: Resource, tombstone: Mapping[str, Any]) -> dict[str, Any]:
    secret = Resource.loads(tombstone["resource"])
    return {
        **_shown(vault, secret),
        "recoveryId": f"{vault.properties['vaultUri']}deletedsecrets/{secret.name}",
        "deletedDate": int(tombstone["deleted"]),
        "scheduledPurgeDate": int(tombstone["until"]),
    }
