"""The kubernetes plug-in as the engine uses it, with plain data in and out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.plugins.kubernetes.plugin import KubernetesPlugin
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import decode, encode, unwrap

_MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Made:
    """One resource in a state."""

    urn: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    @property
    def plain(self) -> dict[str, Any]:
        return unwrap(self.outputs)


class Driver:
    """One configured process; `said` collects what a person would see as warnings."""

    def __init__(self, kubeconfig: Path | str, **switches: str) -> None:
        self.said: list[str] = []
        self.plugin = KubernetesPlugin()
        self.plugin.warn = lambda urn, message: self.said.append(message)  # type: ignore[method-assign]
        given = {"kubeconfig": str(kubeconfig), **switches}
        variables = {f"kubernetes:config:{name}": value for name, value in given.items()}
        self.plugin.Configure(provider_pb2.ConfigureRequest(variables=variables), None)

    @staticmethod
    def urn(token: str, name: str = "thing") -> str:
        return f"urn:pulumi:s::p::ariel:room:X$kubernetes:{token}::{name}"

    def check(self, token: str, inputs: Mapping[str, Any], olds: Mapping[str, Any] | None = None, **more: Any) -> Any:
        request = provider_pb2.CheckRequest(
            urn=self.urn(token), news=encode(inputs), olds=encode(olds or {}), randomSeed=b"seed", **more
        )
        return self.plugin.Check(request, None)

    def checked(self, token: str, inputs: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> dict[str, Any]:
        response = self.check(token, inputs, olds)
        assert not response.failures, response.failures
        return decode(response.inputs)

    def preview(self, token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        news = self.checked(token, inputs)
        request = provider_pb2.CreateRequest(urn=self.urn(token), properties=encode(news), preview=True)
        response = self.plugin.Create(request, None)
        assert response.id == ""
        return decode(response.properties)

    def create(self, token: str, inputs: Mapping[str, Any], seconds: float = 30) -> Made:
        news = self.checked(token, inputs)
        request = provider_pb2.CreateRequest(urn=self.urn(token), properties=encode(news), timeout=seconds)
        response = self.plugin.Create(request, None)
        return Made(request.urn, response.id, news, decode(response.properties))

    def diff(self, made: Made, inputs: Mapping[str, Any], ignored: tuple[str, ...] = ()) -> Any:
        news = self.checked(made.urn.split("kubernetes:")[1].split("::")[0], inputs, made.inputs)
        request = provider_pb2.DiffRequest(
            urn=made.urn,
            id=made.id,
            olds=encode(made.outputs),
            old_inputs=encode(made.inputs),
            news=encode(news),
            ignoreChanges=ignored,
        )
        return self.plugin.Diff(request, None)

    def update(self, made: Made, inputs: Mapping[str, Any], preview: bool = False, seconds: float = 30) -> Made:
        news = self.checked(made.urn.split("kubernetes:")[1].split("::")[0], inputs, made.inputs)
        request = provider_pb2.UpdateRequest(
            urn=made.urn, id=made.id, olds=encode(made.outputs), news=encode(news), preview=preview, timeout=seconds
        )
        return Made(made.urn, made.id, news, decode(self.plugin.Update(request, None).properties))

    def refresh(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            urn=made.urn, id=made.id, properties=encode(made.outputs), inputs=encode(made.inputs)
        )
        response = self.plugin.Read(request, None)
        if not response.id:
            return None
        return Made(made.urn, response.id, decode(response.inputs), decode(response.properties))

    def adopt(self, token: str, resource_id: str) -> Made | None:
        return self.refresh(Made(self.urn(token), resource_id, {}, {}))

    def delete(self, made: Made, seconds: float = 60) -> None:
        request = provider_pb2.DeleteRequest(urn=made.urn, id=made.id, properties=encode(made.outputs), timeout=seconds)
        self.plugin.Delete(request, None)

    def live(self, path: str) -> dict[str, Any] | None:
        """What the API server has, past the plug-in's own logic."""
        return self.plugin._objects._api.get(path)

    def send(self, method: str, path: str, body: Any, **options: Any) -> dict[str, Any]:
        """A change by somebody else."""
        return self.plugin._objects._api.call(method, path, body, **options)

    @contextmanager
    def node(self) -> Iterator[None]:
        """A node that reports to be ready, without a kubelet: the test says what becomes of its pods."""
        name = f"node-{secrets.token_hex(4)}"
        self.send("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Said"}]}}
        self.send("PATCH", f"/api/v1/nodes/{name}/status", ready, content_type=_MERGE)
        try:
            yield
        finally:
            self.send("DELETE", f"/api/v1/nodes/{name}", None)

    def report(self, pod: str, **status: Any) -> None:
        """What a kubelet would report of the pod at this path."""
        self.send("PATCH", f"{pod}/status", {"status": status}, content_type=_MERGE)

    def namespace(self) -> Made:
        """A namespace of its own for one test."""
        return self.create("core/v1:Namespace", {"metadata": {"name": f"t-{secrets.token_hex(4)}"}})


def deployment(namespace: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    """Inputs of a Deployment that the API server takes."""
    container = {"name": "main", "image": "example.test/web:1", "resources": {"requests": {"cpu": "1000m"}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "hostNetwork": False}}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, "replicas": 1, **spec},
    }
