"""What a team does with its secrets through the platform: see their names, and set them. It cannot read one.

Two roles of the API server's identity say so: *Key Vault Reader*, and one that only sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from azure.core.exceptions import AzureError
from azure.keyvault.secrets import SecretProperties

from ariel_runtime.refusal import Problem, RefusedError
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.key_vault import vault_client
from ariel_runtime.secrets.names import LONGEST, Kind, identifier, owner_prefix, secret_name

LARGEST: Final = 25_600
"""Bytes of a secret's value. Source: Key Vault service limits."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A secret without its value; times are None where the vault says none."""

    kind: Kind
    id: str
    name: str
    """In the vault."""
    type: str
    """Of a connection; empty where the vault says none."""
    enabled: bool
    created: datetime | None
    updated: datetime | None
    expires: datetime | None


class VaultFailedError(Exception):
    """The vault does not do it now, or not for this identity; the text says what Azure said."""


class Desk:
    """One tenant's secrets. Raises VaultFailedError."""

    def __init__(self, tenant: Tenant) -> None:
        self._owner = owner_prefix(tenant.slug if tenant.vault.shared else None)
        self._client = vault_client(tenant.vault.url)

    def entries(self) -> list[Entry]:
        """By kind and id; what others keep in the vault is left out."""
        try:
            found = [self._entry(each) for each in self._client.list_properties_of_secrets()]
        except AzureError as error:
            raise VaultFailedError(error.message) from error
        return sorted((each for each in found if each), key=lambda entry: (entry.kind, entry.id))

    def set_value(
        self, kind: Kind, secret_id: str, value: str, expires: datetime | None = None, conn_type: str | None = None
    ) -> Entry:
        """Make this the secret's newest value; earlier ones stay in the vault as versions. Raises RefusedError too.

        The type of a connection is kept as the secret's content type, which who may not read the value sees.
        """
        name = secret_name(self._owner, kind, secret_id)
        if name is None:
            rule = f"at most {LONGEST} characters as a name in the vault, where one that is not plain counts four"
            raise RefusedError([Problem(path="id", value=secret_id, rule=rule, action="choose a shorter id")])
        _require_text(f"id of a {kind}", secret_id)
        _require_text(f"value of {secret_id}", value)
        size = len(value.encode())
        if not 0 < size <= LARGEST:
            rule, action = f"1 to {LARGEST} bytes", "split it, or keep a file in blob storage"
            raise RefusedError(
                [Problem(path=f"value of {secret_id}", value=f"<{size} bytes>", rule=rule, action=action)]
            )
        try:
            made = self._client.set_secret(name, value, expires_on=expires, content_type=conn_type)
        except AzureError as error:
            raise VaultFailedError(error.message) from error
        entry = self._entry(made.properties)
        assert entry is not None
        return entry

    def _entry(self, found: SecretProperties) -> Entry | None:
        name = found.name or ""
        for kind in Kind:
            if (known := identifier(self._owner, kind, name)) is not None:
                return Entry(
                    kind=kind,
                    id=known,
                    name=name,
                    type=(found.content_type or "") if kind is Kind.CONNECTION else "",
                    enabled=found.enabled is not False,
                    created=found.created_on,
                    updated=found.updated_on,
                    expires=found.expires_on,
                )
        return None


def _require_text(path: str, given: str) -> None:
    """JSON can name half of a pair of surrogates, which no encoding has. Raises RefusedError without showing it."""
    try:
        given.encode()
    except UnicodeEncodeError:
        action = "correct what made it: a character beyond U+FFFF was cut in two"
        raise RefusedError([Problem(path=path, value="<given>", rule="text", action=action)]) from None
