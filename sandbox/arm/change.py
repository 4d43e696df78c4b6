"""What a rule judges: one write, or one removal."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.arm.errors import ArmError
from sandbox.arm.fields import read
from sandbox.arm.paths import ResourceId
from sandbox.arm.resource import Resource
from sandbox.arm.spec import TypeSpec
from sandbox.arm.world import World


@dataclass(kw_only=True)
class Change:
    """One PUT or PATCH on its way in: `body` is complete (defaults filled, kept values carried over)."""

    id: ResourceId
    spec: TypeSpec
    body: dict[str, Any]
    before: Resource | None
    world: World
    hidden: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.id.name

    @property
    def properties(self) -> dict[str, Any]:
        return self.body.get("properties") or {}

    def get(self, path: str) -> Any:
        return read(self.body, path)

    def earlier(self, path: str) -> Any:
        """The value before this change, or None."""
        return None if self.before is None else read(self.before.body, path)

    def changes(self, path: str) -> bool:
        """True on an update that gives the property another value."""
        return self.before is not None and self.earlier(path) != self.get(path)

    def fact(self, name: str, value: Any = None) -> Any:
        """A value made up at creation and kept for good; a new UUID unless `value` is given."""
        return self.facts.setdefault(name, str(uuid.uuid4()) if value is None else value)

    def parent(self) -> Resource:
        """The resource above; the pipeline has proved that it exists."""
        found = None if self.id.parent is None else self.world.find(self.id.parent)
        if found is None:
            raise ArmError(404, "ParentResourceNotFound", f"'{self.id.text}' has no parent.")
        return found

    def siblings(self) -> list[Resource]:
        """Other resources of this type with the same parent."""
        above = self.id.parent
        assert above is not None
        return [other for other in self.world.children(above.key, self.spec.type) if other.key != self.id.key]

    def invalid(self, message: str, code: str | None = None, status: int = 400) -> ArmError:
        return ArmError(status, code or self.spec.invalid, message)


@dataclass(frozen=True, kw_only=True)
class Removal:
    """One DELETE: `target` and all that goes with it, innermost first, `target` last."""

    target: Resource
    doomed: tuple[Resource, ...]
    world: World
