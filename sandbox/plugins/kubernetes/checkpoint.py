"""The state of an object in the engine: the live object, and beside it what was asked for.

Layout as the published provider's: the live fields at the top, `__inputs`, `__fieldManager`, `__initialApiVersion`.
Two differences: `metadata.managedFields` is left out (it is most of the size and nothing reads it), and `__normalised`
remembers where the server's answer to our own request differed in form only, so that this is no drift later. The
published provider has compiled-in types for that purpose.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.differences import Path, render
from sandbox.plugins.kubernetes import quantities
from sandbox.plugins.values import Secret, Unknown, contains_secret, unwrap

_NORMALISED = "__normalised"
_INTERNAL = ("__inputs", "__fieldManager", "__initialApiVersion", _NORMALISED)
# The SDK has no dashes in property names; the fields of a CustomResourceDefinition's schema do.
_SCHEMA_FIELDS = (
    *("embedded-resource", "int-or-string", "list-map-keys", "list-type", "map-type"),
    *("preserve-unknown-fields", "validations"),
)
_DASHED = {f"x_kubernetes_{name.replace('-', '_')}": f"x-kubernetes-{name}" for name in _SCHEMA_FIELDS}
_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}


@dataclass(frozen=True)
class Checkpoint:
    """A decoded state, without secret wrappers. `normalised` maps a path to {sent, answered}."""

    inputs: dict[str, Any]
    live: dict[str, Any]
    manager: str
    normalised: Mapping[str, Mapping[str, Any]]


def state(inputs: Mapping[str, Any], live: Mapping[str, Any], manager: str, kept: Any = None) -> dict[str, Any]:
    """Outputs for the engine. `kept`: the remembered normalisations of a refreshed state, else they are found anew."""
    plain = unwrap(inputs)
    outputs = _renamed(live, _UNDERSCORED)
    outputs["metadata"] = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    outputs = conceal(outputs, inputs)
    outputs["__inputs"] = conceal(plain, inputs)
    outputs["__fieldManager"] = manager
    outputs["__initialApiVersion"] = str(live["apiVersion"])
    differing = normalised(comparable(plain), live) if kept is None else dict(kept)
    return outputs | ({_NORMALISED: differing} if differing else {})


def parse(outputs: Mapping[str, Any]) -> Checkpoint:
    """The parts of a state that `state` made; all empty for an empty state."""
    plain = unwrap(outputs)
    live = {key: value for key, value in plain.items() if key not in _INTERNAL}
    inputs, manager = plain.get("__inputs") or {}, plain.get("__fieldManager") or ""
    return Checkpoint(inputs, _renamed(live, _DASHED), manager, plain.get(_NORMALISED) or {})


def body(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent to the server: plain values, real field names."""
    return _renamed(unwrap(inputs), _DASHED)


def comparable(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs in the form in which the server answers: a Secret's `stringData` is in `data`; real field names."""
    plain = _renamed(unwrap(inputs), _DASHED)
    if plain.get("kind") != "Secret" or plain.get("apiVersion") != "v1":
        return plain
    text, data = plain.pop("stringData", None) or {}, plain.get("data") or {}
    if isinstance(text, Unknown) or isinstance(data, Unknown):
        return plain | {"data": Unknown()}
    if text:
        plain["data"] = data | {key: _base64(value) for key, value in text.items()}
    return plain


def pruned(live: Any, shape: Any) -> Any:
    """The live value reduced to the keys and list positions that `shape` has; other types stay as they are."""
    if isinstance(live, Mapping) and isinstance(shape, Mapping):
        return {key: pruned(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        return [pruned(value, part) for value, part in zip(live, shape, strict=False)]
    return live


def conceal(outputs: Mapping[str, Any], inputs: Any) -> dict[str, Any]:
    """Outputs with secret wrappers: a Secret's data always, else every value whose input contains a secret.

    Maps are entered, lists are not: the server may answer a list in another order.
    """
    hidden = {"data", "stringData"} if outputs.get("kind") == "Secret" else set()
    pattern = inputs if isinstance(inputs, Mapping) else {}
    result: dict[str, Any] = {}
    for key, value in outputs.items():
        given = pattern.get(key)
        if key in hidden or isinstance(inputs, Secret) or isinstance(given, Secret):
            result[key] = Secret(unwrap(value))
        elif isinstance(value, Mapping) and isinstance(given, Mapping):
            result[key] = conceal(value, given)
        else:
            result[key] = Secret(unwrap(value)) if contains_secret(given) else value
    return result


def value_at(value: Any, path: Path) -> Any:
    """The value at a path; None when there is none."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def normalised(sent: Any, live: Any, path: Path = ()) -> dict[str, dict[str, Any]]:
    """Where `live` differs from `sent` in form only: a zero value that the server drops, a quantity written anew.

    `sent` in its comparable form. Keys are rendered paths; without `answered` the server dropped the value.
    """
    if isinstance(sent, Mapping) and isinstance(live, Mapping):
        parts = [normalised(value, live.get(key), (*path, key)) for key, value in sent.items()]
    elif isinstance(sent, list) and isinstance(live, list):
        parts = [normalised(one, other, (*path, at)) for at, (one, other) in enumerate(zip(sent, live, strict=False))]
    elif live is None and _is_zero(sent) and sent is not None:
        return {render(path): {"sent": sent}}
    elif sent != live and quantities.same(sent, live):
        return {render(path): {"sent": sent, "answered": live}}
    else:
        return {}
    return {key: value for part in parts for key, value in part.items()}


def _is_zero(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_zero(item) for item in value.values())
    return value in (None, "", 0, False, [])


def _base64(value: Any) -> Any:
    return base64.b64encode(value.encode()).decode() if isinstance(value, str) else value


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value
