"""The account key's signature on a request. Source: Blob service REST, "Authorize with Shared Key"."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def authorization(account: str, key: bytes, *, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The Authorization header. `path` as sent, with the account; `headers` in lower case, `x-ms-date` among them."""
    plain = {name: headers.get(name, "") for name in _SIGNED}
    plain["date"] = ""  # x-ms-date is signed in its place.
    if plain["content-length"] == "0":
        plain["content-length"] = ""
    own = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-ms-"))
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name.lower(), []).append(value)
    asked = "".join(f"\n{name}:{','.join(sorted(values[name]))}" for name in sorted(values))
    said = "\n".join([method, *plain.values(), f"{own}/{account}{path}{asked}"])
    return f"SharedKey {account}:{base64.b64encode(hmac.digest(key, said.encode(), 'sha256')).decode()}"
