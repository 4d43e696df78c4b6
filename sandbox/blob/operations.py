"""What a request to Blob Storage asks for: on which container and blob, and which permission it takes.

Strict on purpose: what this reads differently from Azurite would be a way around a role. So whatever is not understood
completely is refused: unknown parameters, repeated ones, paths that a server could shorten.
Source: Blob service REST, "Permissions for calling data operations with Microsoft Entra ID".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from sandbox.blob.refusals import BAD_QUERY, BAD_URI, NO_KEYS, NOT_IMPLEMENTED

_CONTAINERS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers"
READ_CONTAINERS: Final = f"{_CONTAINERS}/read"
WRITE_CONTAINERS: Final = f"{_CONTAINERS}/write"
READ: Final = f"{_CONTAINERS}/blobs/read"
WRITE: Final = f"{_CONTAINERS}/blobs/write"
DELETE: Final = f"{_CONTAINERS}/blobs/delete"
READ_TAGS: Final = f"{_CONTAINERS}/blobs/tags/read"
WRITE_TAGS: Final = f"{_CONTAINERS}/blobs/tags/write"

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")
_PARAMETERS: Final = frozenset(
    {"restype", "comp", "prefix", "delimiter", "marker", "maxresults", "include", "timeout"}
    | {"blockid", "blocklisttype", "snapshot"}
)
_ON_ACCOUNT: Final = {("GET", "list"): READ_CONTAINERS}
_ON_CONTAINER: Final = {
    ("GET", "list"): READ,
    ("GET", ""): READ_CONTAINERS,
    ("HEAD", ""): READ_CONTAINERS,
    ("GET", "metadata"): READ_CONTAINERS,
    ("HEAD", "metadata"): READ_CONTAINERS,
    ("PUT", ""): WRITE_CONTAINERS,
}
_ON_BLOB: Final = {
    **{(method, comp): READ for method in ("GET", "HEAD") for comp in ("", "metadata", "blocklist", "pagelist")},
    **{("PUT", comp): WRITE for comp in ("", "block", "blocklist", "appendblock", "page", "seal")},
    **{("PUT", comp): WRITE for comp in ("metadata", "properties", "snapshot", "lease", "tier")},
    ("DELETE", ""): DELETE,
    ("GET", "tags"): READ_TAGS,
    ("PUT", "tags"): WRITE_TAGS,
}


@dataclass(frozen=True)
class Wanted:
    """One operation; `container` is empty for one on the account, `blob` for one on a container.

    `permission` is an action (containers) or a data action (blobs) of Azure's roles.
    """

    container: str
    blob: str
    permission: str
    data: bool


def understand(method: str, path: str, query: str, headers: Mapping[str, str]) -> Wanted:
    """What is asked for; `path` and `query` as sent, percent-encoded. Raises ArmError with a code of Blob Storage."""
    parameters = _parameters(query)
    container, _, blob = path.removeprefix("/").partition("/")
    shortened = {".", ".."} & set(unquote(path).split("/"))
    if not path.startswith("/") or "\\" in path or shortened:
        raise BAD_URI.error()
    if (container and not _NAME.fullmatch(container)) or (blob and not container):
        raise BAD_URI.error()
    kind, comp = parameters.get("restype", ""), parameters.get("comp", "")
    if not container:
        table, fits = _ON_ACCOUNT, kind == ""
    elif not blob:
        table, fits = _ON_CONTAINER, kind == "container"
    else:
        table, fits = _ON_BLOB, kind == ""
    permission = table.get((method, comp)) if fits else None
    # A copy makes the service fetch from elsewhere, with rights of its own.
    if permission is None or "x-ms-copy-source" in headers:
        raise NOT_IMPLEMENTED.error()
    return Wanted(container, unquote(blob), permission, data=permission not in (READ_CONTAINERS, WRITE_CONTAINERS))


def _parameters(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    if "sig" in names:
        raise NO_KEYS.error()
    if len(set(names)) != len(names) or not _PARAMETERS.issuperset(names):
        raise BAD_QUERY.error()
    return dict(pairs)
