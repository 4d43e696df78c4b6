"""The modelled types of the random package: their inputs, how a value is made and how an existing one is adopted."""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.plugins.failures import PluginError
from sandbox.plugins.random import characters

Values = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One type. All inputs of all types replace when they change, `keepers` included.

    `make(inputs)` gives the resource id and the outputs; `adopt(import_id)` gives the id, the inputs and the outputs of
    a value that exists elsewhere and raises ValueError when the text is none. `size` names the required count.
    """

    make: Callable[[Values], tuple[str, Values]]
    adopt: Callable[[str], tuple[str, Values, Values]]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    size: str = ""
    secrets: frozenset[str] = frozenset()
    problem: Callable[[Values], tuple[str, str] | None] = lambda _: None

    def effective(self, inputs: Mapping[str, Any]) -> Values:
        """The inputs with defaults filled in; the deprecated `number` and its successor `numeric` are one setting."""
        given = {key: value for key, value in inputs.items() if value is not None and not key.startswith("__")}
        merged = {**self.defaults, **given}
        if "numeric" in self.defaults:
            merged["numeric"] = merged["number"] = given.get("numeric", given.get("number", self.defaults["numeric"]))
        return merged


_TEXT_DEFAULTS: Values = {
    **dict.fromkeys(("upper", "lower", "numeric", "number", "special"), True),
    **dict.fromkeys(("minUpper", "minLower", "minNumeric", "minSpecial"), 0),
}


def _adopt_text(text: str) -> tuple[Values, Values]:
    if not text:
        raise ValueError("an empty text")
    return {"length": len(text)}, {"result": text}


def _make_password(inputs: Values) -> tuple[str, Values]:
    return "none", {"result": characters.make(inputs)}


def _make_string(inputs: Values) -> tuple[str, Values]:
    text = characters.make(inputs)
    return text, {"result": text}


def _bytes_outputs(raw: bytes) -> Values:
    return {"base64": base64.b64encode(raw).decode(), "hex": raw.hex()}


def _make_bytes(inputs: Values) -> tuple[str, Values]:
    return "none", _bytes_outputs(secrets.token_bytes(inputs["length"]))


def _adopt_bytes(text: str) -> tuple[str, Values, Values]:
    raw = base64.b64decode(text, validate=True)
    return "none", {"length": len(raw)}, _bytes_outputs(raw)


def _make_uuid(_: Values) -> tuple[str, Values]:
    text = str(uuid.uuid4())
    return text, {"result": text}


def _adopt_uuid(text: str) -> tuple[str, Values, Values]:
    found = str(uuid.UUID(text))
    return found, {}, {"result": found}


def _id_outputs(raw: bytes, prefix: str) -> tuple[str, Values]:
    plain = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    forms = {
        "b64Url": plain,
        "b64Std": base64.b64encode(raw).decode(),
        "hex": raw.hex(),
        "dec": str(int.from_bytes(raw, "big")),
    }
    return plain, {name: prefix + text for name, text in forms.items()}


def _make_id(inputs: Values) -> tuple[str, Values]:
    return _id_outputs(secrets.token_bytes(inputs["byteLength"]), inputs.get("prefix", ""))


def _adopt_id(text: str) -> tuple[str, Values, Values]:
    prefix, _, plain = text.rpartition(",")
    raw = base64.b64decode(plain + "=" * (-len(plain) % 4), altchars="-_", validate=True)
    found, outputs = _id_outputs(raw, prefix)
    return found, {"byteLength": len(raw), **({"prefix": prefix} if prefix else {})}, outputs


KINDS: Mapping[str, Kind] = {
    "random:index/randomPassword:RandomPassword": Kind(
        _make_password,
        lambda text: ("none", *_adopt_text(text)),
        _TEXT_DEFAULTS,
        "length",
        frozenset({"result"}),
        characters.problem,
    ),
    "random:index/randomString:RandomString": Kind(
        _make_string, lambda text: (text, *_adopt_text(text)), _TEXT_DEFAULTS, "length", problem=characters.problem
    ),
    "random:index/randomBytes:RandomBytes": Kind(
        _make_bytes, _adopt_bytes, size="length", secrets=frozenset({"base64", "hex"})
    ),
    "random:index/randomUuid:RandomUuid": Kind(_make_uuid, _adopt_uuid),
    "random:index/randomId:RandomId": Kind(_make_id, _adopt_id, size="byteLength"),
}


def kind_of(token: str) -> Kind:
    """The rules of a type token; raises PluginError for a type that the sandbox does not model."""
    if token not in KINDS:
        names = ", ".join(sorted(known.rpartition(":")[2] for known in KINDS))
        raise PluginError(f"{token}: the sandbox's random plug-in models {names} only; use one of these")
    return KINDS[token]


def adopt(kind: Kind, import_id: str) -> tuple[str, Values, Values]:
    """Id, inputs and outputs of an imported value; the value itself is never part of an error."""
    try:
        return kind.adopt(import_id)
    except (ValueError, binascii.Error):
        raise PluginError(
            "import: the id is not a value of this type; give the text itself for a password or string, base64 for "
            "bytes, `prefix,base64url` for an id, the UUID for a UUID"
        ) from None
