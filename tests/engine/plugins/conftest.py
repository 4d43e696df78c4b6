"""An emulated ARM in a process of its own, and the azure-native plug-in called in-process against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.plugins.azure_native.plugin import AzureNative
from sandbox.plugins.protocol import provider_pb2
from sandbox.plugins.values import decode, encode
from tests.ports import free_port

TOKEN = "not-a-secret"  # noqa: S105 - the service and the plug-in only have to agree
SUBSCRIPTION = "0a110000-0000-4000-8000-000000000001"


class EmulatedArm:
    """Its admin side."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.endpoint + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {TOKEN}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            raw = response.read()
        return json.loads(raw) if raw else None

    def faults(self, *rules: dict[str, Any], **limits: float) -> None:
        self.call("PUT", "/_sandbox/faults", {"rules": list(rules), "limits": limits})

    def requests(self, method: str, ending: str) -> list[dict[str, Any]]:
        log = self.call("GET", "/_sandbox/requests")
        return [entry for entry in log if entry["method"] == method and entry["path"].endswith(ending)]

    def names(self) -> list[str]:
        return [body["name"] for body in self.call("GET", "/_sandbox/resources")]


class Driver:
    """The plug-in as the engine uses it, with plain data in and out."""

    def __init__(self) -> None:
        self.plugin = AzureNative()
        settings = encode({"subscriptionId": SUBSCRIPTION})
        self.plugin.Configure(provider_pb2.ConfigureRequest(args=settings), None)

    @staticmethod
    def urn(kind: str) -> str:
        return f"urn:pulumi:s::p::ariel:room:X$azure-native:{kind}::thing"

    def check(self, kind: str, inputs: dict[str, Any]) -> Any:
        return self.plugin.Check(provider_pb2.CheckRequest(urn=self.urn(kind), news=encode(inputs)), None)

    def diff(self, kind: str, old: dict[str, Any], new: dict[str, Any], outputs: dict[str, Any] | None = None) -> Any:
        request = provider_pb2.DiffRequest(
            urn=self.urn(kind), olds=encode(outputs or {}), old_inputs=encode(old), news=encode(new)
        )
        return self.plugin.Diff(request, None)

    def create(self, kind: str, inputs: dict[str, Any], **options: Any) -> tuple[str, dict[str, Any]]:
        request = provider_pb2.CreateRequest(urn=self.urn(kind), properties=encode(inputs), **options)
        response = self.plugin.Create(request, None)
        return response.id, decode(response.properties)

    def update(self, kind: str, resource_id: str, inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(urn=self.urn(kind), id=resource_id, news=encode(inputs))
        return decode(self.plugin.Update(request, None).properties)

    def read(
        self, kind: str, resource_id: str, inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        request = provider_pb2.ReadRequest(
            urn=self.urn(kind), id=resource_id, inputs=encode(inputs or {}), properties=encode(outputs or {})
        )
        response = self.plugin.Read(request, None)
        return response.id, decode(response.inputs), decode(response.properties)

    def invoke(self, function: str, args: dict[str, Any]) -> dict[str, Any]:
        response = self.plugin.Invoke(provider_pb2.InvokeRequest(tok=function, args=encode(args)), None)
        return decode(getattr(response, "return"))

    def delete(self, kind: str, resource_id: str) -> None:
        self.plugin.Delete(provider_pb2.DeleteRequest(urn=self.urn(kind), id=resource_id), None)


@pytest.fixture(scope="session")
def arm_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedArm]:
    port = free_port()
    folder = tmp_path_factory.mktemp("arm")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\n")
    command = [sys.executable, "-m", "sandbox.arm", "--state", str(folder / "state"), "--port", str(port)]
    command += ["--cluster-kubeconfig", str(kubeconfig)]
    root = Path(__file__).parents[3]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "ARIEL_ARM_TOKEN": TOKEN})
    arm = EmulatedArm(port)
    try:
        _until_healthy(arm, process)
        yield arm
    finally:
        process.terminate()
        process.wait(10)


def _until_healthy(arm: EmulatedArm, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the emulated ARM ended at once"
        try:
            arm.call("GET", "/_sandbox/health")
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the emulated ARM did not answer")


@pytest.fixture
def arm(arm_service: EmulatedArm, monkeypatch: pytest.MonkeyPatch) -> EmulatedArm:
    """Empty, without faults."""
    arm_service.call("POST", "/_sandbox/reset")
    arm_service.call("DELETE", "/_sandbox/faults")
    monkeypatch.setenv("ARIEL_ARM_ENDPOINT", arm_service.endpoint)
    monkeypatch.setenv("ARIEL_ARM_TOKEN", TOKEN)
    return arm_service


@pytest.fixture
def azure(arm: EmulatedArm) -> Driver:
    """The plug-in, configured for `arm`."""
    return Driver()


@pytest.fixture
def group(azure: Driver) -> dict[str, Any]:
    """Inputs of a resource group that exists, for what stands in it."""
    inputs = {"resourceGroupName": "rg-a", "location": "westeurope"}
    azure.create("resources:ResourceGroup", inputs)
    return {"resourceGroupName": "rg-a"}
