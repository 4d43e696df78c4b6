"""Takes out of given settings what does not validate, so that the rest can be judged in the same go."""

from __future__ import annotations

import copy
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.settings import Settings
from stacks.wording import Location

_GUID: Final = "00000000-0000-4000-8000-000000000000"
_MAIL: Final = "stand@in.invalid"
_RESOURCES: Final = {"cpu": "1", "memory": "1Gi"}
_IMAGE: Final = {"repository": "stand/in", "tag": "0"}
_GRANT: Final = {
    "role": "Storage Blob Data Reader",
    "scope": f"/subscriptions/{_GUID}/resourceGroups/g/providers/P/t/n",
}

STAND_INS: Final[dict[str, Any]] = {
    "stack": "standin",
    "class": "lower",
    "organisation": "standin",
    "contact": _MAIL,
    "azure": {
        "tenantId": _GUID,
        "subscriptionId": _GUID,
        "location": "westeurope",
        "adminGroupId": _GUID,
        "adminGroupName": "stand-in",
    },
    "network": {
        "hub": {
            "virtualNetworkId": f"/subscriptions/{_GUID}/virtualNetworks/n",
            "addressSpace": ["192.168.255.0/28"],
        }
    },
    "pgbouncer": {"resources": _RESOURCES},
    "airflow": {"host": "stand-in.invalid", "image": _IMAGE},
    "images": {"pgbouncer": _IMAGE},
    "trustGroups": {"*": {"reason": "stands in for one"}},
    "tenants": {
        "*": {
            "owner": _MAIL,
            "groupId": _GUID,
            "repository": {"url": "https://stand-in.invalid/dags"},
            "processor": {"resources": _RESOURCES},
            "triggerer": {"resources": _RESOURCES},
            "egress": {"*": {"port": 65535}},
            "grants": {"*": _GRANT},
            "identities": {"*": {"grants": {"*": _GRANT}}},
            "applications": {"*": {"clientId": _GUID}},
            "alerts": {"channel": "email", "target": _MAIL},
        }
    },
}
"""Required settings without a default -> a value that validates (`*`: any slug or index). Judged, never reported."""

_PASSES: Final = 4
"""An offender gives way; what is then missing is filled; each takes a pass for a block and one for what is in it."""


def mend(data: dict[str, Any], defaults: dict[str, Any]) -> Settings | None:
    """Settings from `data`, where offenders have given way to the class's, the model's or a stand-in value.

    None where that leads nowhere; `data` itself is left alone.
    """
    mended = copy.deepcopy(data)
    for _ in range(_PASSES):
        try:
            return Settings.model_validate(mended)
        except ValidationError as invalid:
            for error in invalid.errors():
                _give_way(mended, defaults, error)
    return None


def offence(error: ErrorDetails) -> Location | None:
    """Where a value gives way, so that rules which read it can be left out. An unknown key is read by none: None."""
    location = error["loc"]
    if error["type"] == "extra_forbidden":
        return None
    return location[:-1] if location[-1] == "[key]" else location


def _give_way(data: dict[str, Any], defaults: dict[str, Any], error: ErrorDetails) -> None:
    location = offence(error) or error["loc"]
    if isinstance(location[-1], int):
        location = location[:-1]
    value = _at(STAND_INS, location) if error["type"] == "missing" else _at(defaults, location)
    holder = _at(data, location[:-1])
    if not isinstance(holder, dict):
        return
    holder.pop(location[-1], None)
    if value is not None:
        holder[location[-1]] = copy.deepcopy(value)


def _at(data: Any, location: Location) -> Any:
    """What stands at the location, or None; `*` in the data stands for any name or index."""
    for part in location:
        if isinstance(data, dict):
            data = data.get(part, data.get("*"))
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data
