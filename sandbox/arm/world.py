"""What rules may ask: everything that stands, what is under way, the limits. Rules read; only the engine writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.arm.catalogue import Catalogue
from sandbox.arm.limits import Limits
from sandbox.arm.paths import RESOURCE_GROUP, SUBSCRIPTION, ResourceId, parse
from sandbox.arm.resource import DELETING, Operation, Resource
from sandbox.arm.spec import TypeSpec
from sandbox.arm.store import Store


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line says. `kubeconfig` is the file that a cluster hands out as user credentials."""

    operation_seconds: float = 0.05
    tenant_id: str
    oidc_issuer: str | None = None
    kubeconfig: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(kw_only=True)
class World:
    """`clock` gives seconds since the epoch."""

    store: Store
    catalogue: Catalogue
    settings: Settings
    clock: Callable[[], float] = time.time

    @property
    def limits(self) -> Limits:
        return self.settings.limits

    def spec(self, resource: Resource) -> TypeSpec:
        return self.catalogue.of(resource.type)

    def find(self, where: ResourceId | str) -> Resource | None:
        """The resource with that id, also one that exists implicitly with its parent."""
        path = parse(where) if isinstance(where, str) else where
        stored = self.store.resources.get(path.key)
        return stored if stored is not None else self._implicit(path)

    def _implicit(self, path: ResourceId) -> Resource | None:
        spec = self.catalogue.get(path.type)
        if spec is None or spec.implicit is None or path.parent is None:
            return None
        if not self.exists(path.parent):
            return None
        body = spec.implicit.body(self, path)
        return None if body is None else Resource(id=path.text, type=spec.type, body=body)

    def exists(self, path: ResourceId) -> bool:
        """Subscriptions always do: the token opens them all."""
        return path.type == SUBSCRIPTION or self.find(path) is not None

    def of_type(self, kind: str) -> list[Resource]:
        return self.store.of_type(kind)

    def children(self, key: str, kind: str | None = None) -> list[Resource]:
        """What stands directly below, oldest first."""
        found = sorted(self.store.children(key.lower()), key=lambda child: child.created)
        return found if kind is None else [child for child in found if child.type.lower() == kind.lower()]

    def below(self, key: str) -> list[Resource]:
        """Everything under `key`, innermost first, without `key` itself; also what stands under implicit resources."""
        found = [resource for resource in self.store.resources.values() if resource.key.startswith(f"{key}/")]
        return sorted(found, key=lambda resource: resource.key.count("/"), reverse=True)

    def holders(self, key: str, kind: str | None = None) -> list[Resource]:
        found = self.store.holders(key.lower())
        return found if kind is None else [holder for holder in found if holder.type.lower() == kind.lower()]

    def group(self, path: ResourceId) -> Resource | None:
        for node in path.lineage():
            if node.type == RESOURCE_GROUP:
                return self.store.resources.get(node.key)
        return None

    def busy(self, key: str) -> Operation | None:
        """The operation under way that keeps `key` busy."""
        return next((operation for operation in self.store.active.values() if key in operation.keys), None)

    def being_deleted(self, path: ResourceId) -> bool:
        stored = self.store.resources.get(path.key)
        return stored is not None and stored.state == DELETING

    def tombstone(self, key: str) -> dict[str, Any] | None:
        """The soft-deleted resource of that key, unless its retention has passed."""
        found = self.store.tombstones.get(key)
        return found if found is not None and found["until"] > self.clock() else None
