"""What one ARM type is: the row of the table that the engine reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sandbox.arm.errors import Refusal
from sandbox.arm.fields import Field
from sandbox.arm.resource import Resource

if TYPE_CHECKING:
    from sandbox.arm.change import Change, Removal
    from sandbox.arm.paths import ResourceId
    from sandbox.arm.world import World


INVALID_NAME = Refusal(400, "InvalidResourceName", "Resource name '{name}' is invalid. {rule}")
INVALID_REFERENCE = Refusal(
    400, "InvalidResourceReference", "Resource {target} referenced by resource {id} was not found."
)
IN_USE = Refusal(409, "ResourceInUse", "Resource '{id}' is in use by '{holder}' and cannot be deleted.")
CONFLICT = Refusal(
    409, "Conflict", "Another operation on '{key}' is in progress. Retry when it has finished.", retry_after=1
)
LONG_RUNNING = ("put", "delete")


class Scope(Enum):
    """Where resources of a type may stand."""

    SUBSCRIPTION = "below a subscription"
    GROUP = "below a resource group"
    CHILD = "below a resource of the type that its own type continues"
    EXTENSION = "below anything"


class Location(Enum):
    REQUIRED = "a known region"
    GLOBAL = "the word global"
    OPTIONAL = "a known region, or that of the parent"
    NONE = "no location"


@dataclass(frozen=True, kw_only=True)
class Name:
    """`pattern` must match the whole name; `rule` says it in words."""

    pattern: str
    rule: str
    refusal: Refusal = INVALID_NAME


@dataclass(frozen=True)
class Reference:
    """A property that holds the id of another resource of one of `types`.

    `holds`: the other cannot be deleted while this stands. `settled`: the other must not be in the middle of a change.
    """

    path: str
    types: tuple[str, ...]
    holds: bool = False
    settled: bool = False
    missing: Refusal = INVALID_REFERENCE


@dataclass(frozen=True, kw_only=True)
class Busy:
    """Writes that exclude each other: those whose `key` is the same. A write keeps the key for the operation time."""

    key: Callable[[ResourceId], str]
    refusal: Refusal


@dataclass(frozen=True, kw_only=True)
class Implicit:
    """Resources that exist with their parent, without having been made: `names` of them, `body` of one."""

    names: Callable[[World, ResourceId], list[str]]
    body: Callable[[World, ResourceId], dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class SoftDelete:
    """A deleted resource keeps its name until purged or past its retention; `retention_days` reads it from the body."""

    collection: str
    retention_days: Callable[[Resource], int]
    purge_allowed: Callable[[Resource], bool]
    name_taken: Refusal
    not_deleted: Refusal


def nothing(*_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class TypeSpec:
    """One ARM type. `source` names where its rules come from.

    checks: run in order on a create or update, raise ArmError.
    outputs: read-only members, laid over the stored body; view: those that depend on other resources, made on reading.
    long_running: which of "put" and "delete" are polled for; slow: writes are answered only when they have ended.
    starts: POST actions that begin an operation; each judges resource and request body, and says which of `transitions`
    the operation has as its effect. A transition gives what is changed once the operation has ended.
    brings: resources (id, type, body) that a write makes and that go with it, owned; seeds: the same, but not owned.
    """

    type: str
    source: str
    api_versions: tuple[str, ...]
    name: Name
    scope: Scope = Scope.GROUP
    location: Location = Location.REQUIRED
    tags: bool = True
    fields: tuple[Field, ...] = ()
    references: tuple[Reference, ...] = ()
    checks: tuple[Callable[[Change], None], ...] = ()
    delete_checks: tuple[Callable[[Removal], None], ...] = ()
    outputs: Callable[[Change], dict[str, Any]] = nothing
    view: Callable[[World, Resource], dict[str, Any]] = nothing
    brings: Callable[[Change], list[tuple[str, str, dict[str, Any]]]] = lambda _: []
    seeds: Callable[[Change], list[tuple[str, str, dict[str, Any]]]] = lambda _: []
    actions: Mapping[str, Callable[[World, Resource], dict[str, Any]]] = field(default_factory=dict)
    starts: Mapping[str, Callable[[World, Resource, Any], str]] = field(default_factory=dict)
    transitions: Mapping[str, Callable[[World, Resource], Iterable[Resource]]] = field(default_factory=dict)
    long_running: tuple[str, ...] = ()
    slow: bool = False
    provisioning_state: bool = True
    writable: bool = True
    deletable: bool = True
    invalid: str = "InvalidParameter"
    busy: Busy | None = None
    parent_busy: Refusal = CONFLICT
    in_use: Refusal = IN_USE
    nested: Refusal | None = None
    globally_unique: Refusal | None = None
    soft_delete: SoftDelete | None = None
    implicit: Implicit | None = None
