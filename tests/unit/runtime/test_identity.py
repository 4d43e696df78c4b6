"""As whom DAG code speaks: unknown names, and certificates that are none. What Entra says is in `sandbox/entra`."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback

import pytest
from ariel_runtime import identity
from ariel_runtime.refusal import RefusedError
from azure.identity import WorkloadIdentityCredential
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from components.tenant_airflow import APPLICATIONS
from tests.unit.sandbox.entra.own_certificate import OwnCertificate

CLIENT = "66666666-6666-4666-8666-66666666660a"
TENANT = "11111111-1111-4111-8111-111111111111"
FEDERATED = {"clientId": CLIENT, "tenantId": TENANT, "certificate": None}


@pytest.fixture(autouse=True)
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task pod of a tenant with two applications."""
    known = {"partner": FEDERATED, "archive": {**FEDERATED, "certificate": "archive.pem"}}
    monkeypatch.setenv(identity.APPLICATIONS, json.dumps(known))
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere")


def test_the_platform_and_the_pod_mean_the_same_variable() -> None:
    assert identity.APPLICATIONS == APPLICATIONS


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RefusedError) as refused:
        identity.application("partnr")
    path, rule, action = str(refused.value).splitlines()
    assert path == "ariel_runtime.identity.application: 'partnr'"
    assert rule == "  rule:   one of the tenant's applications: archive, partner"
    assert "`applications` in the tenant's block" in action


def test_a_tenant_without_applications_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DAG file is parsed without any, too."""
    monkeypatch.delenv(identity.APPLICATIONS)
    with pytest.raises(RefusedError, match="an application of the tenant; there is none"):
        identity.application("partner")


def test_a_federated_application_reads_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(identity.secrets, "get")
    assert isinstance(identity.application("partner"), WorkloadIdentityCredential)


def encrypted() -> str:
    key = rsa.generate_private_key(65537, 2048)
    hidden = serialization.BestAvailableEncryption(b"password")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return OwnCertificate().public + pem.decode()


GOOD = OwnCertificate()
BAD: dict[str, str] = {
    "no PEM": "hunter2",
    "nothing": "",
    "a certificate without its key": GOOD.public,
    "a key without its certificate": GOOD.whole.removeprefix(GOOD.public),
    "half a file": GOOD.whole[: len(GOOD.whole) // 2],
    "a key that is no RSA key": OwnCertificate(curve=True).whole,
    "a key with a password": encrypted(),
    "not even ASCII": "\ud800 hunter2",
}


@pytest.mark.parametrize("pem", BAD.values(), ids=BAD.keys())
def test_what_is_no_certificate_with_its_key_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, pem: str
) -> None:
    monkeypatch.setattr(identity.secrets, "get", {"archive.pem": pem}.__getitem__)
    with pytest.raises(RefusedError) as refused:
        identity.application("archive")
    said = "".join(traceback.format_exception(refused.value))
    assert f"secret archive.pem of the team: '<{len(pem)} characters>'" in said
    assert "`ariel secrets set secret archive.pem --file app.pem`" in said
    assert not [line for line in pem.splitlines() if len(line) > 5 and line in said]
    assert refused.value.__context__ is None, "what reads a certificate may say what stands in it"


def test_the_module_costs_a_dag_file_nothing_of_azure() -> None:
    script = "import sys, ariel_runtime.identity; print([n for n in sys.modules if n.partition('.')[0] == 'azure'])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
