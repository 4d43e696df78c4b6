"""From the body of a request to a complete change: defaults filled in, fixed values carried over, secrets set apart."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.arm.change import Change
from sandbox.arm.fields import MISSING, Field, erase, read, write
from sandbox.arm.paths import ResourceId
from sandbox.arm.resource import Resource
from sandbox.arm.spec import Location, TypeSpec
from sandbox.arm.world import World

READ_ONLY = frozenset({"id", "name", "type", "etag", "systemData"})


def prepare(path: ResourceId, spec: TypeSpec, raw: dict[str, Any], before: Resource | None, world: World) -> Change:
    """`raw` is left as it is. Members that only the service sets are dropped."""
    body = {key: copy.deepcopy(value) for key, value in raw.items() if key not in READ_ONLY and value is not None}
    hidden = dict(before.hidden) if before is not None else {}
    for rule in spec.fields:
        if rule.secret:
            given = erase(body, rule.path)
            if given is not MISSING:
                hidden[rule.path] = given
        elif "[" not in rule.path and "{" not in rule.path and read(body, rule.path) is None:
            _fill(body, rule, before)
    if before is not None and spec.location is not Location.NONE and "location" not in body:
        _keep(body, "location", before.body.get("location"))
    facts = dict(before.facts) if before is not None else {}
    return Change(id=path, spec=spec, body=body, before=before, world=world, hidden=hidden, facts=facts)


def _fill(body: dict[str, Any], rule: Field, before: Resource | None) -> None:
    """A fixed property keeps its value, another takes its default."""
    earlier = read(before.body, rule.path) if before is not None and rule.fixed is not None else None
    _keep(body, rule.path, earlier if earlier is not None else rule.default)


def _keep(body: dict[str, Any], path: str, value: Any) -> None:
    """Fill in a value where the object around it is given or is `properties` itself."""
    above, _, _ = path.rpartition(".")
    if value is not None and (above in ("", "properties") or isinstance(read(body, above), dict)):
        write(body, path, copy.deepcopy(value))
