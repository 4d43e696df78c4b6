"""Between the SDK's flat camelCase inputs and ARM's nested body, and back. Values are plain: no secret wrappers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.plugins.azure_native.resource_type import ResourceType

_PROPERTIES = "properties"
# The SDK takes the ids of user-assigned identities as a list; ARM wants a map from id to an empty object.
_IDENTITIES = "identity.userAssignedIdentities"


def to_arm(row: ResourceType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The ARM body for the inputs; parts of the path are left out."""
    body = {key: value for key, value in inputs.items() if key in row.body_inputs and value is not None}
    return _to_arm(row, body, "")


def from_arm(row: ResourceType, body: Mapping[str, Any]) -> dict[str, Any]:
    """An ARM body under the SDK's names: the resource's outputs."""
    return _from_arm(row, body, "")


def project(row: ResourceType, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the outputs which a program could have given as inputs, without the parts of the path.

    `id`, `name` and `type` are inputs of some network types, yet nobody sets them; they repeat the path.
    """
    found = {key: outputs[key] for key in row.body_inputs - {"id", "name", "type"} if outputs.get(key) is not None}
    identity = found.get("identity")
    assigned = identity.get("userAssignedIdentities") if isinstance(identity, Mapping) else None
    if isinstance(identity, Mapping):
        found["identity"] = {"type": identity.get("type")}
        if assigned:
            found["identity"]["userAssignedIdentities"] = sorted(assigned)
    return found


def keep_shared(row: ResourceType, inputs: dict[str, Any], current: Mapping[str, Any] | None) -> dict[str, Any]:
    """The inputs with what other resources own inside this one (a network's subnets), where they do not name it."""
    there = from_arm(row, current or {})
    result = dict(inputs)
    for path in row.shared:
        top, _, inner = path.partition(".")
        if not inner and top not in result and top in there:
            result[top] = there[top]
        if inner and inner not in result[top] and inner in there.get(top, {}):
            result[top] = {**result[top], inner: there[top][inner]}
    return result


def covers(row: ResourceType, current: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether an ARM body holds everything that the inputs ask for, as far as ARM shows it."""
    found = project(row, from_arm(row, current))
    wanted = project(row, inputs)
    return _covers(row, found, wanted, "")


def _covers(row: ResourceType, found: Any, wanted: Any, path: str) -> bool:
    if path in row.write_only:
        return True
    if isinstance(wanted, Mapping):
        there = found if isinstance(found, Mapping) else {}
        return all(_covers(row, there.get(key), item, _join(path, key)) for key, item in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return all(_covers(row, one, item, path) for one, item in zip(found, wanted, strict=True))
    if isinstance(wanted, str) and isinstance(found, str):
        return plain_name(wanted) == plain_name(found)
    # Azure drops what is empty.
    return wanted == found or (not found and wanted in (None, "", []))


def plain_name(text: str) -> str:
    """A region or another name as ARM compares it: "West Europe" is westeurope."""
    return text.replace(" ", "").casefold()


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _outer(row: ResourceType, path: str) -> frozenset[str] | None:
    """The keys that stay beside `properties` at this path; None where ARM does not nest."""
    if path:
        return row.nested.get(path)
    return row.envelope if row.flat else None


def _to_arm(row: ResourceType, value: Any, path: str) -> Any:
    if isinstance(value, list):
        if path == _IDENTITIES:
            return {str(item): {} for item in value}
        return [_to_arm(row, item, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    outer = _outer(row, path)
    beside: dict[str, Any] = {}
    inside: dict[str, Any] = {}
    for key, item in value.items():
        target = beside if outer is None or key in outer else inside
        child = _join(path, key)
        target[row.renames.get(child, key)] = _to_arm(row, item, child)
    return {**beside, _PROPERTIES: inside} if inside else beside


def _from_arm(row: ResourceType, value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_from_arm(row, item, path) for item in value]
    if not isinstance(value, Mapping):
        return value
    outer = _outer(row, path)
    inside = value.get(_PROPERTIES) if outer is not None else None
    if not isinstance(inside, Mapping):
        return {name: _from_arm(row, item, _join(path, name)) for name, item in _named(row, path, value, None)}
    beside = {key: item for key, item in value.items() if key != _PROPERTIES}
    # What stands beside wins where both have a name: `name` and `type` of the envelope are the resource's own.
    pairs = [*_named(row, path, inside, False), *_named(row, path, beside, True)]
    return {name: _from_arm(row, item, _join(path, name)) for name, item in pairs}


def _named(row: ResourceType, path: str, value: Mapping[str, Any], beside: bool | None) -> list[tuple[str, Any]]:
    """Items under their SDK names. A rename holds on one side of `properties` only: both sides may have a `type`."""
    outer = _outer(row, path) or frozenset()
    pairs = []
    for key, item in value.items():
        name = _sdk_name(row, path, key)
        pairs.append((name if beside is None or beside == (name in outer) else key, item))
    return pairs


def _sdk_name(row: ResourceType, path: str, arm_key: str) -> str:
    for child, renamed in row.renames.items():
        parent, _, name = child.rpartition(".")
        if parent == path and renamed == arm_key:
            return name
    return arm_key
