"""Property values as Python data: google.protobuf.Struct in, Struct out, with unknowns and secrets kept visible.

A decoded value is None, bool, int, float, str, list, dict, `UNKNOWN` or `Secret`. Numbers without a fraction become
int, as ARM and Kubernetes expect in JSON. The handshake refuses resource references and output values: none arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

# Signatures of the engine's wire format (sdk/go/common/resource/properties.go of pulumi/pulumi).
_UNKNOWN_SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a type tag, published with the engine


@dataclass(frozen=True)
class Unknown:
    """A value that the engine does not know yet (preview); one instance suffices: `UNKNOWN`."""


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state; never printed, not even by `repr`."""

    value: Any = field(repr=False)


def decode(struct: Struct) -> dict[str, Any]:
    """Properties of a request as Python data."""
    return {key: decode_value(value) for key, value in struct.fields.items()}


def decode_value(value: Value) -> Any:
    """One protobuf value as Python data."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE_KEY in fields and fields[_SIGNATURE_KEY].string_value == _SECRET_SIGNATURE:
            return Secret(decode_value(fields["value"]))
        return decode(value.struct_value)
    if kind == "list_value":
        return [decode_value(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value == _UNKNOWN_SENTINEL else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    return None


def encode(properties: Mapping[str, Any]) -> Struct:
    """Properties of a response; raises TypeError for a value that has no wire form."""
    return Struct(fields={key: encode_value(value) for key, value in properties.items()})


def encode_value(value: Any) -> Value:
    """One Python value as protobuf."""
    if isinstance(value, Secret):
        fields = {_SIGNATURE_KEY: Value(string_value=_SECRET_SIGNATURE), "value": encode_value(value.value)}
        return Value(struct_value=Struct(fields=fields))
    if isinstance(value, Unknown):
        return Value(string_value=_UNKNOWN_SENTINEL)
    if value is None:
        return Value(null_value=0)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    if isinstance(value, Mapping):
        return Value(struct_value=encode(value))
    if isinstance(value, list | tuple):
        listed = Value()
        listed.list_value.values.extend(encode_value(item) for item in value)
        if not value:
            listed.list_value.SetInParent()
        return listed
    raise TypeError(f"a {type(value).__name__} has no form in the engine's protocol")


def unwrap(value: Any) -> Any:
    """The value with every secret wrapper taken off, at any depth; unknowns stay."""
    if isinstance(value, Secret):
        return unwrap(value.value)
    if isinstance(value, Mapping):
        return {key: unwrap(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap(item) for item in value]
    return value


def rewrap(value: Any, pattern: Any) -> Any:
    """`value` with secret wrappers where `pattern` (the inputs) has them; a shape that differs is wrapped as a whole.

    Used when a service's answer echoes inputs: without the wrappers the engine would write plain text into the state.
    """
    if isinstance(pattern, Secret):
        return value if isinstance(value, Secret) else Secret(unwrap(value))
    if not contains_secret(pattern):
        return value
    if isinstance(pattern, Mapping) and isinstance(value, Mapping):
        return {key: rewrap(item, pattern[key]) if key in pattern else item for key, item in value.items()}
    if isinstance(pattern, list) and isinstance(value, list) and len(pattern) == len(value):
        return [rewrap(item, part) for item, part in zip(value, pattern, strict=True)]
    return Secret(unwrap(value))


def contains_unknown(value: Any) -> bool:
    """Whether an unknown sits anywhere in the value."""
    return _contains(value, Unknown)


def contains_secret(value: Any) -> bool:
    """Whether a secret sits anywhere in the value."""
    return _contains(value, Secret)


def _contains(value: Any, kind: type) -> bool:
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return _contains(value.value, kind)
    if isinstance(value, Mapping):
        return any(_contains(item, kind) for item in value.values())
    if isinstance(value, list):
        return any(_contains(item, kind) for item in value)
    return False
