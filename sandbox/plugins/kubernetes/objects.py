"""Objects of any kind in the cluster: create, read, update and delete, as the published provider does them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.kubernetes import checkpoint, managers, pods
from sandbox.plugins.kubernetes.discovery import Discovery, ResourceKind
from sandbox.plugins.kubernetes.naming import annotation, metadata, object_id
from sandbox.plugins.kubernetes.redaction import redact
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.transport import ApiError, ApiServer
from sandbox.plugins.kubernetes.waiting import NotReadyError, Waiter, skips, timeout_of

# Pauses while a namespace or a kind is not there yet: programs that create both at once are common.
_MISSING_PAUSES_SECONDS = (0.25, 0.5, 1, 2, 4)
_TERMINATING_PAUSE_SECONDS = 0.5
_APPLY_ATTEMPTS = 5
_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
# Kinds whose deletion `pulumi.com/skipAwait` does not wait for; the published provider ignores it for all others.
_UNAWAITED_KINDS = frozenset(
    ("Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job")
)
_POLICIES = {"orphan": "Orphan", "background": "Background"}
# The server's fields, and what kubectl and controllers write beside them: no input of anybody's program.
_SERVER_METADATA = frozenset(("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid", "selfLink"))
_FOREIGN_ANNOTATIONS = frozenset(
    ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
)


class Objects:
    """One cluster's objects. `inputs` are decoded, with secret wrappers; the server's answers are plain."""

    def __init__(self, api: ApiServer, discovery: Discovery, waiter: Waiter, settings: Settings) -> None:
        self._api = api
        self._discovery = discovery
        self._waiter = waiter
        self._settings = settings

    def create(self, inputs: Mapping[str, Any], manager: str, asked_seconds: float) -> dict[str, Any]:
        """The state of the new, ready object; raises ApiError, or IncompleteError when it does not become ready.

        An existing object is refused, unless `upsertExistingObjects` is set: then it is applied over.
        """
        body = checkpoint.body(inputs)
        seconds = timeout_of(asked_seconds, body)
        live = self._created(body, manager, time.monotonic() + seconds)
        return self._finished(inputs, live, manager, seconds)

    def preview_create(self, inputs: Mapping[str, Any], manager: str) -> None:
        """Ask the server whether it would take the object; raises its ApiError.

        Nothing is asked where the server cannot know: it is away, or the kind or the namespace is still to come. An
        object that exists is no error here, since a replacement may delete it first.
        """
        body = checkpoint.body(inputs)
        if not self._discovery.reachable() or self._discovery.find(body["apiVersion"], body["kind"]) is None:
            return
        try:
            self._send_create(body, manager, {"dryRun": "All"})
        except ApiError as failure:
            if failure.reason not in ("AlreadyExists", "NotFound", "Forbidden"):
                raise

    def update(
        self, inputs: Mapping[str, Any], name: str, manager: str, preview: bool, asked_seconds: float
    ) -> dict[str, Any] | None:
        """Apply the inputs; the new state, or None for a preview. A CustomResourceDefinition is replaced as a whole."""
        body = checkpoint.body(inputs)
        if preview and not (
            self._discovery.reachable() and self._discovery.find(body["apiVersion"], body["kind"]) is not None
        ):
            return None
        path = self._place(body).path(metadata(body).get("namespace") or "default", name)
        live = self._applied(path, body, manager, preview)
        if preview:
            return None
        return self._finished(inputs, live, manager, timeout_of(asked_seconds, body))

    def read(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The live object; None when it, or its kind, is gone."""
        place = self._discovery.find(api_version, kind)
        return self._api.get(place.path(namespace or "default", name)) if place else None

    def unready(self, inputs: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
        """Why the live object is not ready; empty when it is, or when the program does not wait for it."""
        return [] if skips(checkpoint.body(inputs)) else self._waiter.judge(live).reasons

    def must_be_replaced(self, inputs: Mapping[str, Any]) -> bool:
        """Whether it is an unready Job with `pulumi.com/replaceUnready`: a failed one would stay failed for ever."""
        if annotation(inputs, "pulumi.com/replaceUnready") != "true" or inputs["kind"] != "Job":
            return False
        if not self._discovery.reachable():
            return False
        live = self.read(inputs["apiVersion"], inputs["kind"], metadata(inputs)["namespace"], metadata(inputs)["name"])
        return live is not None and not self._waiter.judge(live).ready

    def shortcomings(self, made: Iterable[Mapping[str, Any]], namespace: str) -> list[str]:
        """What keeps the workloads among these objects from being ready; `namespace` where they name none."""
        found = []
        for obj in made:
            name, where = metadata(obj)["name"], metadata(obj).get("namespace") or namespace
            live = self.read(str(obj["apiVersion"]), str(obj["kind"]), where, name) if pods.has_pods(obj) else None
            if live is not None:
                found += [f"{live['kind']} {name}: {reason}" for reason in self._waiter.shortcomings(live)]
        return found

    def delete(self, old: checkpoint.Checkpoint, namespace: str, name: str, asked_seconds: float) -> None:
        """Delete and wait until the object is gone; one that is not there, or whose kind is not, is done."""
        api_version, kind = str(old.live["apiVersion"]), str(old.live["kind"])
        place = self._discovery.find(api_version, kind)
        live = self._api.get(place.path(namespace or "default", name)) if place else None
        if place is None or live is None:
            return
        path = place.path(namespace or "default", name)
        uid = live["metadata"]["uid"]
        policy = _POLICIES.get(annotation(old.inputs, "pulumi.com/deletionPropagationPolicy").lower(), "Foreground")
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
        try:
            self._api.call("DELETE", path, options | {"preconditions": {"uid": uid}})
        except ApiError as failure:
            # A conflict over the uid: somebody put another object in its place, which is not ours to delete.
            if failure.code not in (404, 409):
                raise
            return
        if not (skips(old.inputs) and kind in _UNAWAITED_KINDS):
            self._waiter.gone(path, uid, timeout_of(asked_seconds, old.inputs))

    def _place(self, body: Mapping[str, Any]) -> ResourceKind:
        place = self._discovery.find(body["apiVersion"], body["kind"])
        if place is None:
            raise ApiError(404, {"reason": "NotFound", "message": f"no kind {body['kind']} in {body['apiVersion']}"})
        return place

    def _send_create(self, body: Mapping[str, Any], manager: str, query: Mapping[str, str]) -> dict[str, Any]:
        namespace = metadata(body).get("namespace") or "default"
        place = self._place(body)
        if self._settings.upsert:
            return self._apply(place.path(namespace, metadata(body)["name"]), body, manager, True, query)
        return self._api.call("POST", place.path(namespace), body, {"fieldManager": managers.CREATOR, **query})

    def _created(self, body: Mapping[str, Any], manager: str, give_up: float) -> dict[str, Any]:
        missing = iter(_MISSING_PAUSES_SECONDS)
        while True:
            try:
                return self._send_create(body, manager, {})
            except ApiError as failure:
                if _is_going(failure) and time.monotonic() < give_up:
                    pause: float | None = _TERMINATING_PAUSE_SECONDS
                else:
                    pause = next(missing, None) if failure.code == 404 else None
                if pause is None:
                    raise
            time.sleep(pause)

    def _applied(self, path: str, body: Mapping[str, Any], manager: str, preview: bool) -> dict[str, Any]:
        query = {"dryRun": "All"} if preview else {}
        for attempt in range(1, _APPLY_ATTEMPTS + 1):
            try:
                live = self._api.call("GET", path)
                if body["kind"] == "CustomResourceDefinition":
                    versioned = {**metadata(body), "resourceVersion": live["metadata"]["resourceVersion"]}
                    replaced = {**body, "metadata": versioned}
                    return self._api.call("PUT", path, replaced, {"fieldManager": manager, **query})
                force = annotation(body, "pulumi.com/patchForce") == "true" or self._settings.patch_force
                if preview:
                    force = force or managers.has_taken_over(live)
                else:
                    self._take_over(path, live, manager)
                return self._apply(path, body, manager, force, query)
            except ApiError as failure:
                # Someone wrote between our read and our write: only then does the conflict carry no field.
                if failure.reason != "Conflict" or failure.causes or attempt == _APPLY_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _take_over(self, path: str, live: Mapping[str, Any], manager: str) -> None:
        patch = managers.takeover(live, manager)
        if patch:
            self._api.call("PATCH", path, patch, content_type=_JSON_PATCH)

    def _apply(
        self, path: str, body: Mapping[str, Any], manager: str, force: bool, query: Mapping[str, str]
    ) -> dict[str, Any]:
        asked = {"fieldManager": manager, "force": "true" if force else "false", **query}
        return self._api.call("PATCH", path, body, asked, content_type=_APPLY)

    def _finished(
        self, inputs: Mapping[str, Any], live: dict[str, Any], manager: str, seconds: float
    ) -> dict[str, Any]:
        # The form of the answer is compared before waiting: later the controllers may have written, too.
        answered = checkpoint.state(inputs, live, manager)
        if skips(checkpoint.body(inputs)):
            return answered
        path = self._place(live).path(metadata(live).get("namespace") or "default", live["metadata"]["name"])
        try:
            ready = self._waiter.ready(path, live, seconds)
        except NotReadyError as failure:
            outputs = checkpoint.state(inputs, failure.live, manager, checkpoint.parse(answered).normalised)
            text = redact(f"{live['kind']} {object_id(live)}: {failure}", inputs)
            raise IncompleteError(object_id(live), text, outputs, inputs) from None
        return checkpoint.state(inputs, ready, manager, checkpoint.parse(answered).normalised)


def _is_going(failure: ApiError) -> bool:
    """Whether a namesake, or the namespace, is still being deleted (apiserver's store and its namespace admission)."""
    return "NamespaceTerminating" in failure.causes or (
        failure.reason == "AlreadyExists" and str(failure).startswith("object is being deleted")
    )


def imported(live: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that stand for an object found in the cluster: everything except what the server itself writes."""
    meta = {key: value for key, value in live["metadata"].items() if key not in _SERVER_METADATA}
    marks = meta.pop("annotations", None) or {}
    kept = {key: value for key, value in marks.items() if key not in _FOREIGN_ANNOTATIONS}
    if kept:
        meta["annotations"] = kept
    return {key: value for key, value in live.items() if key not in ("status", "metadata")} | {"metadata": meta}


def unreachable(server: str) -> PluginError:
    """The error of a refresh or delete while the cluster is away."""
    return PluginError(
        f"{server}: the API server does not answer; start it, or set PULUMI_K8S_DELETE_UNREACHABLE=true to drop its "
        "objects from the state if the cluster is gone for good"
    )
