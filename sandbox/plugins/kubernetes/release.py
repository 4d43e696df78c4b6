"""kubernetes:helm.sh/v3:Release, by the real helm binary.

As the published provider since 4.6: the state follows the chart's version and the values, not the rendered objects, so
random values in a chart's templates cause no diff. A release that a killed run left pending is repaired first.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.differences import compare, diff_response
from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.kubernetes import checkpoint
from sandbox.plugins.kubernetes.changes import covered
from sandbox.plugins.kubernetes.chart_source import Chart, ChartSource, private_repository
from sandbox.plugins.kubernetes.helm import Found, Helm, HelmError
from sandbox.plugins.kubernetes.naming import split_id
from sandbox.plugins.kubernetes.objects import Objects
from sandbox.plugins.kubernetes.redaction import redact
from sandbox.plugins.kubernetes.tokens import name_of
from sandbox.plugins.kubernetes.waiting import Waiter
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import Secret, contains_unknown, encode, unwrap

# The published provider's default, and Helm's own.
_DEFAULT_SECONDS = 300
_NAME_HEX = 8
_NOT_MODELLED = ("postrender", "valueYamlFiles", "verify", "keyring", "devel", "recreatePods", "replace", "lint")
# Outputs, deprecated inputs and what an SDK adds: no inputs of a release.
_NO_INPUTS = frozenset(("resourceNames", "status", "manifest", "checksum"))
# Input -> flag of helm, for those that both verbs know.
_FLAGS = {
    "cleanupOnFail": "--cleanup-on-fail",
    "dependencyUpdate": "--dependency-update",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "renderSubchartNotes": "--render-subchart-notes",
    "skipCrds": "--skip-crds",
    "takeOwnership": "--take-ownership",
}


class Releases:
    """Helm releases of one cluster; `namespace` is where those go that name none."""

    def __init__(self, helm: Helm, charts: ChartSource, namespace: str, waiter: Waiter, objects: Objects) -> None:
        self._helm = helm
        self._charts = charts
        self._namespace = namespace
        self._waiter = waiter
        self._objects = objects

    def check(self, request: Any, inputs: Mapping[str, Any], olds: Mapping[str, Any]) -> Any:
        """Defaults, and the version of the chart that will be installed (the program's may be a range)."""
        news = {key: value for key, value in inputs.items() if value is not None and key not in _NO_INPUTS}
        made = f"{name_of(request.urn)}-{secrets.token_hex(_NAME_HEX // 2)}"
        news["name"] = news.get("name") or unwrap(olds).get("name") or made
        news["namespace"] = news.get("namespace") or self._namespace
        if not unwrap(news.get("skipAwait")):
            news.setdefault("timeout", _DEFAULT_SECONDS)
        failures = [
            provider_pb2.CheckFailure(property=name, reason=f"{name}: not modelled by the sandbox; leave it out")
            for name in (*(name for name in _NOT_MODELLED if news.get(name)), *_private(news))
        ]
        resolved = str(unwrap(olds).get("version") or "")
        if contains_unknown(news):
            # Not resolved, as in the published provider; the mark of a substituted chart is no change of its version.
            if resolved.partition("+")[0] == news.get("version"):
                news["version"] = resolved
        elif not failures:
            try:
                news["version"] = self._chart(news, resolved).version
            except PluginError as failure:
                failures.append(provider_pb2.CheckFailure(property="chart", reason=str(failure)))
        return provider_pb2.CheckResponse(inputs=encode(news), failures=failures)

    def diff(self, request: Any, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        """Wanted inputs against the state, reduced to what was asked for; another name or namespace replaces."""
        old_inputs = unwrap(olds.get("__inputs") or {})
        current = checkpoint.pruned({key: unwrap(olds[key]) for key in olds if key not in _NO_INPUTS}, old_inputs)
        changes = [change for change in compare(current, news) if not covered(change, request.ignoreChanges)]
        return diff_response(changes, replaces=lambda change: change.path[0] in ("name", "namespace"))

    def create(self, request: Any, inputs: Mapping[str, Any]) -> Any:
        """Install; what a killed run left half-done is removed first, a release of somebody else is refused."""
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(inputs))
        plain = unwrap(inputs)
        name, namespace = plain["name"], plain["namespace"]
        found = self._helm.find(name, namespace)
        if found is not None:
            if found.status == "deployed" or found.revision > 1:
                raise PluginError(
                    f"Release {namespace}/{name}: exists with status {found.status} and is not in this stack's state; "
                    f"import it, or remove it: helm uninstall {name} --namespace {namespace}"
                )
            self._helm.uninstall(name, namespace, [])
        flags = self._flags(plain, request.timeout) + (["--create-namespace"] if plain.get("createNamespace") else [])
        flags += ["--no-hooks"] if plain.get("disableWebhooks") else []
        self._run(self._helm.install, flags, inputs)
        return provider_pb2.CreateResponse(id=f"{namespace}/{name}", properties=encode(self._outputs(inputs)))

    def update(self, request: Any, olds: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
        """Upgrade; a pending upgrade of a killed run is rolled back first."""
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(inputs))
        plain = unwrap(inputs)
        name, namespace = plain["name"], plain["namespace"]
        found = self._helm.find(name, namespace)
        if found is None:
            raise PluginError(f"Release {namespace}/{name}: not in the cluster any more; run a refresh, then up")
        flags = [
            *self._flags(plain, request.timeout),
            "--reuse-values" if plain.get("reuseValues") else "--reset-values",
        ]
        flags += ["--history-max", str(plain.get("maxHistory") or 0)]
        flags += ["--force"] if plain.get("forceUpdate") else []
        flags += ["--no-hooks"] if plain.get("disableCRDHooks") else []
        if found.status.startswith("pending") and found.revision > 1:
            self._helm.rollback(name, namespace)
        elif found.status.startswith("pending"):
            self._helm.uninstall(name, namespace, [])
            self._run(self._helm.install, self._flags(plain, request.timeout), inputs)
            return provider_pb2.UpdateResponse(properties=encode(self._outputs(inputs)))
        self._run(self._helm.upgrade, flags, inputs)
        return provider_pb2.UpdateResponse(properties=encode(self._outputs(inputs)))

    def read(self, request: Any, olds: Mapping[str, Any], old_inputs: Mapping[str, Any]) -> Any:
        """What the cluster stores: another version or values than in the state are drift. Gone = no release."""
        namespace, name = split_id(request.id)
        found = self._helm.find(name, namespace)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = dict(old_inputs) or {
            "name": name,
            "namespace": namespace,
            "chart": found.chart,
            "version": found.version,
            "values": found.values,
            "timeout": _DEFAULT_SECONDS,
        }
        outputs = self._state(inputs, found)
        known = str(unwrap(olds.get("version") or ""))
        same_chart = known.partition("+")[0] == found.version.partition("+")[0]
        outputs["version"] = known if known and same_chart else found.version
        values = checkpoint.pruned(found.values, unwrap(inputs.get("values") or {}))
        outputs["values"] = checkpoint.conceal({"values": values}, inputs)["values"]
        return provider_pb2.ReadResponse(id=request.id, properties=encode(outputs), inputs=encode(inputs))

    def delete(self, request: Any, olds: Mapping[str, Any]) -> Any:
        """Uninstall and, unless `skipAwait` was set, wait until its objects are gone."""
        namespace, name = split_id(request.id)
        plain = unwrap(olds)
        seconds = int(request.timeout or plain.get("timeout") or _DEFAULT_SECONDS)
        waits = plain.get("atomic") or not plain.get("skipAwait")
        self._helm.uninstall(name, namespace, ["--wait", "--timeout", f"{seconds}s"] if waits else [])
        return Empty()

    def _chart(self, inputs: Mapping[str, Any], installed: str) -> Chart:
        """`installed` is the version in the state: the release stays with the chart that it was made from."""
        plain = unwrap(inputs)
        asked = str(plain.get("version") or "").partition("+")[0]
        return self._charts.resolve(str(plain["chart"]), asked, plain.get("repositoryOpts") or {}, installed)

    def _flags(self, plain: Mapping[str, Any], asked_seconds: float) -> list[str]:
        """`asked_seconds` is the resource option customTimeouts, 0 where not given; it wins over the release's own."""
        flags = [flag for name, flag in _FLAGS.items() if plain.get(name)]
        flags += ["--timeout", f"{int(asked_seconds or plain.get('timeout') or _DEFAULT_SECONDS)}s"]
        flags += ["--description", str(plain["description"])] if plain.get("description") else []
        if not plain.get("skipAwait") and self._waiter.has_nodes():
            flags += ["--wait"]
            flags += ["--wait-for-jobs"] if plain.get("waitForJobs") else []
            flags += ["--atomic"] if plain.get("atomic") else []
        return flags

    def _run(self, verb: Callable[..., None], flags: list[str], inputs: Mapping[str, Any]) -> None:
        """One change of the cluster. A failure after which the release exists leaves it in the state for an update."""
        plain = unwrap(inputs)
        name, namespace = plain["name"], plain["namespace"]
        try:
            chart = self._chart(inputs, str(plain.get("version") or ""))
            verb(name, namespace, chart.path, flags, plain.get("values") or {})
        except HelmError as failure:
            text = f"Release {namespace}/{name}: helm: {failure}"
            found = self._helm.find(name, namespace)
            if found is None:
                raise PluginError(redact(text, inputs)) from None
            waited = self._objects.shortcomings(_objects(found.manifest), namespace) if "--wait" in flags else []
            text = redact("; ".join([text, *waited]), inputs)
            raise IncompleteError(f"{namespace}/{name}", text, self._state(inputs, found), inputs) from None

    def _outputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        plain = unwrap(inputs)
        found = self._helm.find(plain["name"], plain["namespace"])
        if found is None:
            raise PluginError(f"Release {plain['namespace']}/{plain['name']}: gone right after helm made it; run again")
        return self._state(inputs, found)

    def _state(self, inputs: Mapping[str, Any], found: Found) -> dict[str, Any]:
        status = {
            "name": found.name,
            "namespace": found.namespace,
            "revision": found.revision,
            "status": found.status,
            "chart": found.chart,
            "version": found.version,
            "appVersion": found.app_version,
        }
        return {
            **inputs,
            "__inputs": Secret(unwrap(inputs)),
            "status": status,
            "resourceNames": _resource_names(found.manifest),
        }


def _private(inputs: Mapping[str, Any]) -> list[str]:
    repository = unwrap(inputs.get("repositoryOpts") or {})
    return [f"repositoryOpts.{name}" for name in private_repository(repository)] if isinstance(repository, dict) else []


def _objects(manifest: str) -> Iterator[dict[str, Any]]:
    return (obj for obj in yaml.safe_load_all(manifest) if isinstance(obj, dict) and obj.get("kind"))


def _resource_names(manifest: str) -> dict[str, list[str]]:
    """`Kind.group/apiVersion` -> names (`namespace/name` where the object says one), sorted."""
    found: dict[str, set[str]] = {}
    for obj in _objects(manifest):
        group, _, _ = obj["apiVersion"].rpartition("/")
        key = f"{obj['kind']}{f'.{group}' if group else ''}/{obj['apiVersion']}"
        namespace, name = obj["metadata"].get("namespace"), obj["metadata"]["name"]
        found.setdefault(key, set()).add(f"{namespace}/{name}" if namespace else name)
    return {key: sorted(names) for key, names in sorted(found.items())}
