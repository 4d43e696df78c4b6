"""The tenant registry as running parts see it: each tenant's ConfigMap `tenant-<slug>`, read, checked and followed.

`parse` is the pure rule; `TenantRegistry` lists and watches; `Follower` does so in a thread. Who writes the ConfigMaps,
and what each part of the document is for, stands in the program that deploys the platform.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ariel_runtime.kubernetes_api import ApiError, KubernetesApi

LABEL: Final = "ariel.dev/tenant"
KEY: Final = "tenant.json"

_LOG = logging.getLogger(__name__)
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_ROLE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ROLE_PREFIXES: Final = ("ariel_dagproc_", "ariel_trigger_")
_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$[1-9][0-9]*:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")
_WATCH_SECONDS: Final = 60
_RESYNC_WATCHES: Final = 10
"""After so many watches all is listed again, should an event ever have been missed."""
_LONGEST_PAUSE: Final = 30.0
_GONE: Final = 410


class MalformedEntryError(ValueError):
    """An entry that cannot be used: where in the document, what is wrong. Never holds a verifier."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """One database role of a tenant, which is also its PgBouncer alias and login."""

    name: str
    client_id: str
    """Of the identity whose tokens PostgreSQL accepts for the role."""
    object_id: str
    pool_size: int
    """Server connections, per PgBouncer replica."""
    reserve_pool_size: int
    verifier: str = field(repr=False)
    """SCRAM verifier of the login's password."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The mirror from which the tenant's parts fetch."""

    url: str
    branch: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Vault:
    url: str
    shared: bool
    """Whether names in it begin with `<slug>--`."""


@dataclass(frozen=True, kw_only=True)
class Alerts:
    channel: str
    target: str
    pager: str | None = None
    """Where critical failures go too."""


@dataclass(frozen=True, kw_only=True)
class Tenant:
    slug: str
    team: str
    bundle: str
    pool: str
    group_id: str
    """Entra group whose members are the team."""
    repository: Repository
    environment: Mapping[str, str]
    """Variables of each task pod."""
    task_namespace: str
    parse_namespace: str
    accounts: Mapping[str, str]
    """Service account of the task namespace -> client id of its identity."""
    roles: Mapping[str, Role]
    """By name."""
    images: tuple[str, ...]
    """Patterns of the images that tasks may ask for beside the platform's own."""
    slots: int
    """Of the Airflow pool."""
    vault: Vault
    log_container: str
    alerts: Alerts | None


@dataclass(frozen=True)
class Snapshot:
    """The registry at one moment."""

    tenants: Mapping[str, Tenant]
    """By slug. A tenant whose entry became malformed stays here as it last was, while the process lives."""
    malformed: Mapping[str, str]
    """Slug (the ConfigMap's label) -> what is wrong. Such a tenant is not removed: its owner must correct it."""


def parse(document: str) -> Tenant:
    """The tenant that a ConfigMap's document describes. Raises MalformedEntryError."""
    try:
        value = json.loads(document)
    except ValueError as error:
        raise MalformedEntryError(f"is not JSON: {error}") from None
    entry = _Part(value)
    namespaces, vault, repository = entry.part("namespaces"), entry.part("vault"), entry.part("repository")
    return Tenant(
        slug=entry.text("slug", _SLUG),
        team=entry.text("team"),
        bundle=entry.text("bundle"),
        pool=entry.text("pool"),
        group_id=entry.text("groupId"),
        repository=Repository(
            url=repository.text("url"), branch=repository.text("branch"), path=repository.text("path", allow_empty=True)
        ),
        environment=entry.part("environment").texts(),
        task_namespace=namespaces.text("tasks"),
        parse_namespace=namespaces.text("parse"),
        accounts={name: account.text("clientId") for name, account in entry.part("accounts").parts().items()},
        roles=_roles(entry.part("roles")),
        images=entry.list_of_text("images"),
        slots=entry.number("slots"),
        vault=Vault(url=vault.text("url"), shared=vault.flag("shared")),
        log_container=entry.part("logs").text("container"),
        alerts=_alerts(entry),
    )


def parse_roles(document: str) -> Mapping[str, Role]:
    """The `roles` part alone, as the shared roles have it in a file of their own. Raises MalformedEntryError."""
    try:
        return _roles(_Part(json.loads(document)))
    except json.JSONDecodeError as error:
        raise MalformedEntryError(f"is not JSON: {error}") from None


def _roles(part: _Part) -> dict[str, Role]:
    roles = {}
    for name, role in part.parts().items():
        if not _ROLE_NAME.fullmatch(name):
            raise MalformedEntryError(f"{role.path}: a role's name matches {_ROLE_NAME.pattern}")
        roles[name] = Role(
            name=name,
            client_id=role.text("clientId", _CLIENT_ID),
            object_id=role.text("objectId", _CLIENT_ID),
            pool_size=role.number("poolSize"),
            reserve_pool_size=role.number("reservePoolSize"),
            verifier=role.text("verifier", _VERIFIER),
        )
    return roles


def _alerts(entry: _Part) -> Alerts | None:
    if entry.value.get("alerts") is None:
        return None
    alerts = entry.part("alerts")
    pager = alerts.text("pager") if "pager" in alerts.value else None
    return Alerts(channel=alerts.text("channel"), target=alerts.text("target"), pager=pager)


class _Part:
    """An object inside the document together with its path, for messages that say where and not what stands there."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise MalformedEntryError(f"{path or 'the document'}: must be an object")
        self.value: dict[str, Any] = value
        self.path = path

    def _get(self, key: str, kind: type, expected: str) -> Any:
        found = self.value.get(key)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            state = "must be" if key in self.value else "is missing; it must be"
            raise MalformedEntryError(f"{self._at(key)}: {state} {expected}")
        return found

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def text(self, key: str, pattern: re.Pattern[str] | None = None, *, allow_empty: bool = False) -> str:
        found: str = self._get(key, str, "a text")
        if not found and not allow_empty:
            raise MalformedEntryError(f"{self._at(key)}: must not be empty")
        if pattern and not pattern.fullmatch(found):
            raise MalformedEntryError(f"{self._at(key)}: must match {pattern.pattern}")
        return found

    def number(self, key: str) -> int:
        found: int = self._get(key, int, "a number")
        if found < 0:
            raise MalformedEntryError(f"{self._at(key)}: must not be negative")
        return found

    def flag(self, key: str) -> bool:
        found: bool = self._get(key, bool, "true or false")
        return found

    def list_of_text(self, key: str) -> tuple[str, ...]:
        found: list[object] = self._get(key, list, "a list of texts")
        texts = tuple(item for item in found if isinstance(item, str))
        if len(texts) != len(found):
            raise MalformedEntryError(f"{self._at(key)}: must be a list of texts")
        return texts

    def part(self, key: str) -> _Part:
        return _Part(self._get(key, dict, "an object"), self._at(key))

    def parts(self) -> dict[str, _Part]:
        return {key: self.part(key) for key in self.value}

    def texts(self) -> dict[str, str]:
        return {key: self.text(key, allow_empty=True) for key in self.value}


class TenantRegistry:
    """Reads the entries of one namespace."""

    def __init__(self, api: KubernetesApi, namespace: str, *, watch_seconds: int = _WATCH_SECONDS) -> None:
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._watch_seconds = watch_seconds
        self._documents: dict[str, tuple[str, str]] = {}
        """ConfigMap's name -> slug of its label, document."""
        self._version = ""
        self._last: dict[str, Tenant] = {}

    def read(self) -> Snapshot:
        """All entries, now. Raises ApiError."""
        found = self._api.get(self._path, {"labelSelector": LABEL})
        self._documents = dict(map(_entry, found["items"]))
        self._version = found["metadata"]["resourceVersion"]
        return self._snapshot()

    def follow(self, stop: threading.Event) -> Iterator[Snapshot]:
        """The entries now and after each change, until `stop` is set; an API server that is away is waited for."""
        last: Snapshot | None = None
        pause = 0.0
        while not stop.is_set():
            try:
                for snapshot in self._changes(stop):
                    pause = 0.0
                    if snapshot != last:
                        last = snapshot
                        yield snapshot
            except ApiError as error:
                pause = min(max(1.0, pause * 2), _LONGEST_PAUSE)
                _LOG.warning("The tenant registry cannot be followed, next attempt in %.0f s: %s", pause, error)
                stop.wait(pause)

    def _changes(self, stop: threading.Event) -> Iterator[Snapshot]:
        """One list, then watches from where it stood; ends when all is to be listed again."""
        yield self.read()
        for _ in range(_RESYNC_WATCHES):
            query = {"labelSelector": LABEL, "resourceVersion": self._version}
            try:
                for event in self._api.watch(self._path, query, self._watch_seconds):
                    if stop.is_set():
                        return
                    self._apply(event)
                    if event["type"] != "BOOKMARK":
                        yield self._snapshot()
            except ApiError as error:
                if error.status != _GONE:
                    raise
                return
            if stop.is_set():
                return

    def _apply(self, event: Mapping[str, Any]) -> None:
        kind, item = event["type"], event["object"]
        if kind == "ERROR":
            raise ApiError(item.get("code", 0), item.get("message", "the watch failed"))
        self._version = item["metadata"]["resourceVersion"]
        if kind == "DELETED":
            self._documents.pop(item["metadata"]["name"], None)
        elif kind != "BOOKMARK":
            self._documents.update([_entry(item)])

    def _snapshot(self) -> Snapshot:
        tenants: dict[str, Tenant] = {}
        malformed: dict[str, str] = {}
        for name, (slug, document) in sorted(self._documents.items()):
            try:
                tenants[slug] = _checked(name, slug, document)
            except MalformedEntryError as error:
                malformed[slug] = f"ConfigMap {name}: {error}"
                if slug in self._last:
                    tenants[slug] = self._last[slug]
        self._last = tenants
        return Snapshot(tenants, malformed)


def _entry(item: Mapping[str, Any]) -> tuple[str, tuple[str, str]]:
    metadata = item["metadata"]
    return metadata["name"], (metadata["labels"][LABEL], (item.get("data") or {}).get(KEY, ""))


def _checked(name: str, slug: str, document: str) -> Tenant:
    """The tenant, if its entry is about itself only."""
    tenant = parse(document)
    if not slug == tenant.slug == name.removeprefix("tenant-"):
        raise MalformedEntryError(f"slug: is {tenant.slug}, but the label says {slug}")
    own = {prefix + slug.replace("-", "_") for prefix in _ROLE_PREFIXES}
    for role in sorted(set(tenant.roles) - own):
        raise MalformedEntryError(f"roles.{role}: is not a role of this tenant; those are {', '.join(sorted(own))}")
    return tenant


class Follower:
    """Follows the registry in a thread, for a process that has other work.

    `on_change` is called in that thread, with each new snapshot.
    """

    def __init__(self, registry: TenantRegistry, on_change: Callable[[Snapshot], None] | None = None) -> None:
        self._registry = registry
        self._on_change = on_change
        self._stop = threading.Event()
        self._first = threading.Event()
        self._latest = Snapshot({}, {})
        self._thread = threading.Thread(target=self._run, name="tenant-registry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does when the running watch does."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the registry has been read, within so many seconds."""
        return self._first.wait(seconds)

    @property
    def alive(self) -> bool:
        """Whether it still follows; an API server that is away does not end it."""
        return self._thread.is_alive()

    @property
    def latest(self) -> Snapshot:
        """Empty until the registry has been read."""
        return self._latest

    def _run(self) -> None:
        for snapshot in self._registry.follow(self._stop):
            for slug, problem in snapshot.malformed.items():
                _LOG.error("Tenant %s: its registry entry is not used: %s", slug, problem)
            self._latest = snapshot
            self._first.set()
            if self._on_change is not None:
                self._on_change(snapshot)
