from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from airflow.sdk import configuration
from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded
from ariel_runtime.secrets import key_vault
from ariel_runtime.secrets.backend import TenantSecretsBackend
from ariel_runtime.secrets.names import owner_prefix

from components.tenant_airflow import SECRETS_BACKEND
from tests.unit.runtime.git_remote import Remote
from tests.unit.sandbox.entra.running_azure import Resolver, RunningAzure
from tests.unit.sandbox.vault.running_vaults import USER, RunningVaults, url

Task = Callable[..., TenantSecretsBackend]


@pytest.fixture(scope="package")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAzure]:
    """The emulated Azure as a process, stopped after this package's last test."""
    made = RunningAzure(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.stop()


@pytest.fixture(scope="package")
def running(azure: RunningAzure, tmp_path_factory: pytest.TempPathFactory) -> RunningVaults:
    """Weather's and mobility's vaults, each read by its tenant's identity."""
    made = RunningVaults(azure, tmp_path_factory.mktemp("assertions"))
    for tenant in ("weather", "mobility"):
        made.open(tenant)
        made.admit(tenant, USER, to=tenant)
    return made


@pytest.fixture
def vaults(running: RunningVaults) -> Iterator[RunningVaults]:
    """The same; faults end with the test."""
    yield running
    running.cloud.client.delete("/_sandbox/faults")


@pytest.fixture(autouse=True)
def as_in_a_pod(azure: RunningAzure, vaults: RunningVaults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and trust as pods have them."""
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(azure))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azure.trusted))


@pytest.fixture(scope="package")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """A tenant's repository, which has the variable `city` too."""
    with Remote.served(tmp_path_factory.mktemp("repository")) as remote:
        remote.write("city: of the repository", file="variables.yaml")
        yield remote


@pytest.fixture
def run_as(vaults: RunningVaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """From here on this process is a pod of that identity that has just begun: without clients and tokens."""

    def begin(who: str) -> None:
        for name, value in vaults.environment(who).items():
            monkeypatch.setenv(name, value)
        forget()

    def forget() -> None:
        key_vault.vault_client.cache_clear()
        key_vault._credential.cache_clear()
        configuration.clear_secrets_backends_cache()

    yield begin
    forget()


@pytest.fixture
def task(run_as: Callable[[str], None], repository: Remote, monkeypatch: pytest.MonkeyPatch) -> Task:
    """Begins a task of that tenant with the vault of its name; the backend is the one that Airflow asks first.

    Or with another as if it were its `owns`, or with one that it `shares`, where its names begin with its slug.
    """

    def begin(slug: str, *, owns: str | None = None, shares: str | None = None) -> TenantSecretsBackend:
        arguments = {
            "vault_url": url(shares or owns or slug),
            "owner": owner_prefix(slug if shares else None),
            "repository": {"url": repository.url, "branch": "main"},
        }
        monkeypatch.setenv("ARIEL_ENVIRONMENT", "local")
        monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND", SECRETS_BACKEND)
        monkeypatch.setenv("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", json.dumps(arguments))
        run_as(slug)
        first = ensure_secrets_backend_loaded()[0]
        assert isinstance(first, TenantSecretsBackend)
        return first

    return begin
