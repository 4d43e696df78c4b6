from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.engine.arm.cloud import GROUP, Cloud
from tests.unit.sandbox.entra.running_azure import Resolver, RunningAzure


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAzure]:
    """The emulated Azure as a process, stopped at the module's end."""
    made = RunningAzure(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def started(azure: RunningAzure) -> Cloud:
    """Its ARM, with one resource group."""
    cloud = azure.start()
    cloud.made(GROUP, {"location": "westeurope"})
    return cloud


@pytest.fixture
def cloud(started: Cloud) -> Iterator[Cloud]:
    """Its ARM; faults end with the test."""
    yield started
    started.client.delete("/_sandbox/faults")


@pytest.fixture(autouse=True)
def as_in_a_pod(azure: RunningAzure, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and trust as pods have them."""
    azure.await_name("login.microsoftonline.com")
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(azure))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.trusted))
