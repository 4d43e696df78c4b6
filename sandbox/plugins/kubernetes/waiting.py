"""Waiting for objects to become ready, and to be gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes import pods
from sandbox.plugins.kubernetes.naming import annotation, object_id
from sandbox.plugins.kubernetes.readiness import Verdict, rule_of
from sandbox.plugins.kubernetes.transport import ApiServer

# Default of the published provider for every kind.
DEFAULT_SECONDS = 600.0
PODS_VARIABLE = "ARIEL_SANDBOX_PODS"
"""`off`: the cluster, which may have nodes, has none of what the stack's pods need."""
_NOT_AWAITED = (
    "and readiness of what depends on pods (workloads, Services, Ingresses, claims, Helm releases) is not awaited."
)
_FIRST_PAUSE_SECONDS = 0.03
_LONGEST_PAUSE_SECONDS = 2.0
_GROWTH = 1.5


class NotReadyError(PluginError):
    """The object exists, but is not ready; `live` is how it was last seen."""

    def __init__(self, live: dict[str, Any], reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.live = live


def timeout_of(asked_seconds: float, inputs: Mapping[str, Any]) -> float:
    """Seconds: the resource option, else the annotation, else ten minutes."""
    marked = annotation(inputs, "pulumi.com/timeoutSeconds")
    return asked_seconds or (float(marked) if marked.isdigit() else DEFAULT_SECONDS)


def skips(inputs: Mapping[str, Any]) -> bool:
    """Whether the program asked not to wait for this object."""
    return annotation(inputs, "pulumi.com/skipAwait") == "true"


class Waiter:
    """Waits by asking again with growing pauses. `announce(text)` shows a warning once per run."""

    def __init__(self, api: ApiServer, cancelled: threading.Event, announce: Callable[[str], None]) -> None:
        self._api = api
        self._cancelled = cancelled
        self._announce = announce
        self._lock = threading.Lock()
        self._nodes: bool | None = None

    def has_nodes(self) -> bool:
        """Whether the stack's pods can run; asked once per process, and said once when not."""
        with self._lock:
            if self._nodes is None and os.environ.get(PODS_VARIABLE) == "off":
                self._nodes = False
                self._announce(f"The cluster is not the sandbox's own: its pods do not become ready, {_NOT_AWAITED}")
            if self._nodes is None:
                self._nodes = any(map(_is_ready, self._api.call("GET", "/api/v1/nodes").get("items") or []))
                if not self._nodes:
                    self._announce(f"The cluster has no node that is ready: pods stay pending, {_NOT_AWAITED}")
            return self._nodes

    def judge(self, live: Mapping[str, Any]) -> Verdict:
        """Readiness now; ready where there is no rule, or no node to run pods on."""
        rule = rule_of(live)
        if rule is None or (rule.pods and not self.has_nodes()):
            return Verdict()
        return rule.judge(live, self._api.get)

    def shortcomings(self, live: Mapping[str, Any]) -> list[str]:
        """Why an object with pods is not ready, down to its pods; none for one that is, or that has none."""
        reasons = self.judge(live).reasons if pods.has_pods(live) else []
        return reasons + pods.problems(live, self._api) if reasons else []

    def ready(self, path: str, live: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The live object once it is ready; raises NotReadyError when it fails or the time is over.

        A failure that was there before, of a kind that recovers, is waited out: the cause may be gone by now.
        """
        verdict = self.judge(live)
        rule = rule_of(live)
        earlier = verdict.failed and rule is not None and rule.recovers
        give_up, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
        while not verdict.ready:
            earlier = earlier and verdict.failed
            if (verdict.failed and not earlier) or time.monotonic() >= give_up:
                over = [] if verdict.failed and not earlier else [f"not ready after {seconds:g} s"]
                raise NotReadyError(live, over + verdict.reasons + pods.problems(live, self._api))
            if self._cancelled.wait(pause):
                raise NotReadyError(live, ["cancelled while waiting", *verdict.reasons])
            pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)
            found = self._api.get(path)
            if found is None:
                raise NotReadyError(live, ["somebody deleted it while it was waited for"])
            live = found
            verdict = self.judge(live)
        return live

    def gone(self, path: str, uid: str, seconds: float) -> None:
        """Returns when the object with this uid no longer exists; raises PluginError that names what holds it."""
        give_up, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
        while True:
            found = self._api.get(path)
            if found is None or found["metadata"]["uid"] != uid:
                return
            if time.monotonic() >= give_up or self._cancelled.wait(pause):
                raise PluginError(
                    f"{found['kind']} {object_id(found)}: still there {seconds:g} s after its deletion; "
                    f"{'; '.join(_holders(found))}; remove what holds it, then run again"
                )
            pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)


def _is_ready(node: Mapping[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _holders(obj: Mapping[str, Any]) -> list[str]:
    """Finalizers, and for a namespace what the server says is left in it."""
    names = [*(obj["metadata"].get("finalizers") or []), *((obj.get("spec") or {}).get("finalizers") or [])]
    conditions = (obj.get("status") or {}).get("conditions") or []
    left = [str(entry.get("message")) for entry in conditions if entry.get("status") == "True" and entry.get("message")]
    return [f"held by finalizers {', '.join(map(str, names))}" if names else "no finalizer holds it", *left]
