"""The servicer of the kubernetes package: configuration, and each resource's way to objects or Helm releases."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.failures import IncompleteError, PluginError
from sandbox.plugins.kubernetes import checkpoint, kubeconfig, settings
from sandbox.plugins.kubernetes.changes import object_diff, replaced_as_a_whole
from sandbox.plugins.kubernetes.chart_source import ChartSource
from sandbox.plugins.kubernetes.discovery import Discovery
from sandbox.plugins.kubernetes.helm import Helm
from sandbox.plugins.kubernetes.managers import manager_of
from sandbox.plugins.kubernetes.naming import assign_name, metadata, object_id, split_id
from sandbox.plugins.kubernetes.objects import Objects, imported, unreachable
from sandbox.plugins.kubernetes.refusals import explained
from sandbox.plugins.kubernetes.release import Releases
from sandbox.plugins.kubernetes.tokens import RELEASE, kind_of, token_of
from sandbox.plugins.kubernetes.transport import ApiServer
from sandbox.plugins.kubernetes.waiting import Waiter
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.provider import Plugin
from sandbox.plugins.values import contains_unknown, decode, encode, unwrap


class KubernetesPlugin(Plugin):
    """Any kind the API server knows. Refused: patch and list resources, remote components, functions."""

    version = "4.34.2"

    def __init__(self, engine_address: str = "") -> None:
        super().__init__(engine_address)
        self._said: set[str] = set()
        self._said_lock = threading.Lock()

    def announce(self, text: str) -> None:
        """A warning about the whole run, shown once per process."""
        with self._said_lock:
            if text in self._said:
                return
            self._said.add(text)
        self.warn("", text)

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Refuses what is not modelled. The kubeconfig may be unknown: then nothing else is called."""
        found = settings.refused(decode(request.news))
        failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in found]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Another cluster replaces the provider; see `settings.replacing` for how one is told."""
        old, new = decode(request.old_inputs if request.HasField("old_inputs") else request.olds), decode(request.news)
        changed = [key for key in sorted({*old, *new} - {"version"}) if unwrap(old.get(key)) != unwrap(new.get(key))]
        response = provider_pb2.DiffResponse(diffs=changed, changes=provider_pb2.DiffResponse.DIFF_NONE)
        if changed:
            response.changes = provider_pb2.DiffResponse.DIFF_SOME
            response.replaces.extend(settings.replacing(old, new))
        return response

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Parses the kubeconfig; the server is first asked when something needs it."""
        # The engine sends Cancel at the end of every run, also to a plug-in that serves several (debug attach).
        self.cancelled.clear()
        self._settings = settings.from_variables(request.variables)
        text = kubeconfig.text_of(self._settings.kubeconfig)
        document = kubeconfig.parse(text)
        self._connection = kubeconfig.connection(document, self._settings.context, self._settings.cluster)
        self._namespace = self._settings.namespace or self._connection.namespace
        api = ApiServer(self._connection, self.cancelled)
        self._discovery = Discovery(api)
        self._waiter = Waiter(api, self.cancelled, self.announce)
        self._objects = Objects(api, self._discovery, self._waiter, self._settings)
        helm = Helm(text, self._settings.context, self.cancelled)
        self._releases = Releases(helm, ChartSource(self.announce), self._namespace, self._waiter, self._objects)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Kind, name and namespace filled in; the object itself is judged by the server, in the preview's dry run."""
        inputs, olds = decode(request.news), decode(request.olds)
        if token_of(request.urn) == RELEASE:
            return self._releases.check(request, inputs, olds)
        api_version, kind = kind_of(request.urn, inputs)
        named = assign_name({**inputs, "apiVersion": api_version, "kind": kind}, unwrap(olds), request)
        if isinstance(named["metadata"], dict) and not named["metadata"].get("namespace"):
            named["metadata"] = {key: value for key, value in named["metadata"].items() if key != "namespace"}
            if self._discovery.namespaced(api_version, kind):
                named["metadata"]["namespace"] = self._namespace
        return provider_pb2.CheckResponse(inputs=encode(checkpoint.conceal(named, inputs)))

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Compares with the cluster as the state knows it; the cluster is asked for Jobs that may have failed only."""
        news = decode(request.news)
        if token_of(request.urn) == RELEASE:
            return self._releases.diff(request, decode(request.olds), news)
        old = checkpoint.parse(decode(request.olds))
        namespaced = self._discovery.namespaced(str(news["apiVersion"]), str(news["kind"]))
        response = object_diff(old, news, namespaced, request.ignoreChanges, self._settings)
        unchanged = not response.replaces and not contains_unknown(news)
        return replaced_as_a_whole(response) if unchanged and self._objects.must_be_replaced(unwrap(news)) else response

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A preview returns the inputs: what the server would add is not certain (addresses, ids)."""
        inputs = decode(request.properties)
        if token_of(request.urn) == RELEASE:
            return self._releases.create(request, inputs)
        manager = manager_of(request.urn, unwrap(inputs), "")
        with explained(_what(inputs), inputs):
            if request.preview:
                if not contains_unknown(inputs):
                    self._objects.preview_create(inputs, manager)
                return provider_pb2.CreateResponse(properties=request.properties)
            outputs = self._objects.create(inputs, manager, request.timeout)
        return provider_pb2.CreateResponse(id=object_id(unwrap(outputs)), properties=encode(outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A refresh keeps the shape of the old inputs; an import takes everything that the server did not write."""
        olds, old_inputs = decode(request.properties), decode(request.inputs)
        if not self._discovery.reachable():
            if self._settings.delete_unreachable:
                return provider_pb2.ReadResponse()
            raise unreachable(self._connection.server)
        if token_of(request.urn) == RELEASE:
            return self._releases.read(request, olds, old_inputs)
        old = checkpoint.parse(olds)
        known = old_inputs or old.inputs
        namespace, name = split_id(request.id)
        api_version, kind = kind_of(request.urn, unwrap(known))
        with explained(request.id, known):
            live = self._objects.read(api_version, kind, namespace, name)
        if live is None:
            return provider_pb2.ReadResponse()
        return self._read_response(request, old, known, live)

    def _read_response(
        self, request: Any, old: checkpoint.Checkpoint, known: Mapping[str, Any], live: dict[str, Any]
    ) -> Any:
        inputs = checkpoint.pruned(live, checkpoint.comparable(known)) if known else imported(live)
        manager = manager_of(request.urn, inputs, old.manager)
        # A killed create left inputs without outputs: what the server answered then is what it says now.
        forms = old.normalised if old.live else checkpoint.normalised(checkpoint.comparable(known), live)
        outputs = checkpoint.state(checkpoint.conceal(inputs, known), live, manager, forms)
        unready = self._objects.unready(inputs, live)
        if unready:
            raise IncompleteError(request.id, f"{_what(live)}: {'; '.join(unready)}", outputs, outputs["__inputs"])
        properties = encode(outputs)
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=encode(outputs["__inputs"]))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Server-side apply; a preview lets the server check it and returns the inputs."""
        news = decode(request.news)
        if token_of(request.urn) == RELEASE:
            return self._releases.update(request, decode(request.olds), news)
        if request.preview and contains_unknown(news):
            return provider_pb2.UpdateResponse(properties=request.news)
        old = checkpoint.parse(decode(request.olds))
        manager = manager_of(request.urn, unwrap(news), old.manager)
        with explained(_what(news), news):
            name = str(metadata(old.live)["name"])
            outputs = self._objects.update(news, name, manager, request.preview, request.timeout)
        return provider_pb2.UpdateResponse(properties=encode(outputs) if outputs else request.news)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Waits until the object is gone, dependants first."""
        if not self._discovery.reachable():
            if self._settings.delete_unreachable:
                return Empty()
            raise unreachable(self._connection.server)
        olds = decode(request.properties)
        if token_of(request.urn) == RELEASE:
            return self._releases.delete(request, olds)
        namespace, name = split_id(request.id)
        with explained(request.id, olds):
            self._objects.delete(checkpoint.parse(olds), namespace, name, request.timeout)
        return Empty()

    def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remote components (yaml/v2, kustomize/v2, helm/v4) are not modelled."""
        raise PluginError(
            f"{request.name}: {request.type}: the sandbox's kubernetes plug-in has no components; declare the objects "
            "one by one, or use helm.v3.Release"
        )

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Functions (yaml decode, helm template, kustomize) are not modelled."""
        raise PluginError(f"{request.tok}: the sandbox's kubernetes plug-in has no functions; declare the objects")


def _what(obj: Mapping[str, Any]) -> str:
    plain = unwrap(obj)
    return f"{plain.get('kind')} {object_id(plain)}"
