"""A stored resource and a stored long-running operation."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.arm.paths import ResourceId, parse

SUCCEEDED, CREATING, UPDATING, DELETING, FAILED = "Succeeded", "Creating", "Updating", "Deleting", "Failed"


@dataclass(kw_only=True)
class Resource:
    """What the service knows of one resource.

    `body` is what a GET shows (without id, name, type); `hidden` holds write-only values by path; `facts` holds what
    was made up once and must stay (ids, addresses). `refs` are the keys of the resources that this one holds on to,
    `owner` is the key of the resource that made this one and takes it along. Times are seconds since the epoch.
    """

    id: str
    type: str
    body: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    refs: tuple[str, ...] = ()
    owner: str | None = None
    state: str = SUCCEEDED
    etag: str = ""
    created: float = 0.0
    changed: float = 0.0

    @property
    def path(self) -> ResourceId:
        return parse(self.id)

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def name(self) -> str:
        return self.id.rsplit("/", 1)[-1]

    @property
    def properties(self) -> dict[str, Any]:
        return self.body.get("properties") or {}

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Resource:
        fields = json.loads(text)
        return cls(**{**fields, "refs": tuple(fields["refs"])})


@dataclass(kw_only=True)
class Operation:
    """A change under way. It ends at `ready_at` (seconds since the epoch), also when the service was down by then.

    `keys` are the things that it keeps busy; `effect` says what happens at the end: "put", "delete" or "purge".
    """

    id: str
    effect: str
    target: str
    type: str
    keys: tuple[str, ...]
    ready_at: float
    started: float
    status: str = "InProgress"
    error: dict[str, Any] | None = None
    will_fail: dict[str, Any] | None = None

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Operation:
        fields = json.loads(text)
        return cls(**{**fields, "keys": tuple(fields["keys"])})
