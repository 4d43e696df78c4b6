"""State on disk: one SQLite file, mirrored in memory; what was committed survives kill -9."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from sandbox.arm.resource import Operation, Resource

TABLES = ("resources", "operations", "tombstones", "applications")


class Store:
    """Resources, operations, soft-deleted names, app registrations: read from memory, written to both.

    Durable from `commit` on.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "arm.sqlite"
        self._db = sqlite3.connect(path, check_same_thread=False)
        os.chmod(path, 0o600)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        for table in TABLES:
            self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} (key TEXT PRIMARY KEY, doc TEXT NOT NULL)")
        self._db.commit()
        self._load()

    def _load(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.operations: dict[str, Operation] = {}
        self.active: dict[str, Operation] = {}
        self.tombstones: dict[str, dict[str, Any]] = {}
        self.applications: dict[str, dict[str, Any]] = {}
        self._children: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._types: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._holders: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._owned: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for (doc,) in self._db.execute("SELECT doc FROM resources ORDER BY rowid"):
            self._index(Resource.loads(doc))
        for (doc,) in self._db.execute("SELECT doc FROM operations ORDER BY rowid"):
            operation = Operation.loads(doc)
            self.operations[operation.id] = operation
            self._track(operation)
        for key, doc in self._db.execute("SELECT key, doc FROM tombstones ORDER BY rowid"):
            self.tombstones[key] = json.loads(doc)
        for key, doc in self._db.execute("SELECT key, doc FROM applications ORDER BY rowid"):
            self.applications[key] = json.loads(doc)

    def _index(self, resource: Resource) -> None:
        self.resources[resource.key] = resource
        self._types[resource.type.lower()][resource.key] = None
        parent = resource.path.parent
        if parent is not None:
            self._children[parent.key][resource.key] = None
        if resource.owner is not None:
            self._owned[resource.owner][resource.key] = None
        for ref in resource.refs:
            self._holders[ref][resource.key] = None

    def _unindex(self, resource: Resource) -> None:
        self.resources.pop(resource.key, None)
        self._types[resource.type.lower()].pop(resource.key, None)
        parent = resource.path.parent
        if parent is not None:
            self._children[parent.key].pop(resource.key, None)
        if resource.owner is not None:
            self._owned[resource.owner].pop(resource.key, None)
        for ref in resource.refs:
            self._holders[ref].pop(resource.key, None)

    def _write(self, table: str, key: str, doc: str) -> None:
        statement = f"INSERT INTO {table} VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET doc = excluded.doc"  # noqa: S608
        self._db.execute(statement, (key, doc))

    def put(self, resource: Resource) -> None:
        earlier = self.resources.get(resource.key)
        if earlier is not None:
            self._unindex(earlier)
        self._index(resource)
        self._write("resources", resource.key, resource.dumps())

    def drop(self, resource: Resource) -> None:
        self._unindex(resource)
        self._db.execute("DELETE FROM resources WHERE key = ?", (resource.key,))

    def put_operation(self, operation: Operation) -> None:
        self.operations[operation.id] = operation
        self._track(operation)
        self._write("operations", operation.id, operation.dumps())

    def forget_operations(self, before: float) -> None:
        """Drop operations that ended before that time."""
        old = [
            found.id for found in self.operations.values() if found.id not in self.active and found.ready_at < before
        ]
        for key in old:
            del self.operations[key]
            self._db.execute("DELETE FROM operations WHERE key = ?", (key,))

    def _track(self, operation: Operation) -> None:
        if operation.status == "InProgress":
            self.active[operation.id] = operation
        else:
            self.active.pop(operation.id, None)

    def put_tombstone(self, key: str, tombstone: dict[str, Any]) -> None:
        self.tombstones[key] = tombstone
        self._write("tombstones", key, json.dumps(tombstone))

    def drop_tombstone(self, key: str) -> None:
        self.tombstones.pop(key, None)
        self._db.execute("DELETE FROM tombstones WHERE key = ?", (key,))

    def put_application(self, key: str, application: dict[str, Any]) -> None:
        self.applications[key] = application
        self._write("applications", key, json.dumps(application))

    def drop_application(self, key: str) -> None:
        self.applications.pop(key, None)
        self._db.execute("DELETE FROM applications WHERE key = ?", (key,))

    def children(self, key: str) -> list[Resource]:
        """What stands directly below `key`, extension resources included."""
        return [self.resources[child] for child in self._children.get(key, ())]

    def of_type(self, kind: str) -> list[Resource]:
        return [self.resources[key] for key in self._types.get(kind.lower(), ())]

    def holders(self, key: str) -> list[Resource]:
        """Resources that hold on to `key`."""
        return [self.resources[holder] for holder in self._holders.get(key, ())]

    def owned_by(self, key: str) -> list[Resource]:
        return [self.resources[owned] for owned in self._owned.get(key, ())]

    def commit(self) -> None:
        self._db.commit()

    def wipe(self) -> None:
        for table in TABLES:
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608
        self._db.commit()
        self._load()

    def close(self) -> None:
        self._db.close()
