"""The token endpoint, asked by the real client library over HTTPS at Entra's own host name."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceResponseError
from azure.identity import DefaultAzureCredential, WorkloadIdentityCredential

from sandbox.arm.tenant import TENANT_ID
from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, TokenAuthority
from sandbox.pki import signing_key
from tests.engine.arm.cloud import GROUP, Cloud
from tests.unit.sandbox.entra.running_azure import RunningAzure, federate

SUBJECT = "system:serviceaccount:weather:dag-processor"
SCOPE = f"{POSTGRESQL_AUDIENCE}/.default"
TOKEN_URL = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"


@pytest.fixture(scope="module")
def identity(azure: RunningAzure, started: Cloud) -> dict[str, Any]:
    return federate(started, azure, "id-weather", SUBJECT)


@pytest.fixture
def credential(azure: RunningAzure, identity: dict[str, Any], tmp_path: Path) -> Callable[..., Any]:
    """Makes a credential of the identity for an assertion; settings of azure-identity pass through."""

    def make(assertion: str | None = None, **settings: Any) -> WorkloadIdentityCredential:
        file = tmp_path / "assertion"
        file.write_text(assertion or azure.assertion(SUBJECT))
        given = {"tenant_id": TENANT_ID, "client_id": identity["clientId"], "retry_total": 0, **settings}
        return WorkloadIdentityCredential(token_file_path=str(file), **given)

    return make


def test_a_pod_gets_the_token_of_its_identity(
    azure: RunningAzure, identity: dict[str, Any], credential: Callable[..., Any]
) -> None:
    before = time.time()
    token = credential().get_token_info(SCOPE)
    claims = TokenAuthority(azure.root / "entra").verify(token.token, POSTGRESQL_AUDIENCE)
    assert (claims.object_id, claims.client_id) == (identity["principalId"], identity["clientId"])
    assert claims.tenant_id == TENANT_ID
    assert abs(token.expires_on - before - 86_400) < 5
    assert abs(token.refresh_on - before - 43_200) < 5, "a long-lived token must be renewed at half its life"


def test_the_variables_that_the_webhook_sets_are_enough(
    azure: RunningAzure, identity: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "assertion").write_text(azure.assertion(SUBJECT))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT_ID)
    monkeypatch.setenv("AZURE_CLIENT_ID", identity["clientId"])
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "assertion"))
    token = DefaultAzureCredential().get_token(SCOPE).token
    assert jwt.decode(token, options={"verify_signature": False})["oid"] == identity["principalId"]


def test_another_tenants_pod_does_not_get_it(azure: RunningAzure, credential: Callable[..., Any]) -> None:
    other = azure.assertion("system:serviceaccount:mobility:dag-processor")
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700213.*mobility:dag-processor"):
        credential(other).get_token(SCOPE)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"iss": "https://oidc.elsewhere.test/"}, "AADSTS700211"),
        ({"aud": ["https://kubernetes.default.svc"]}, "AADSTS700212"),
        ({"sub": SUBJECT.upper()}, "AADSTS700213"),
        ({"exp": 1_700_000_000}, "AADSTS700024"),
        ({"exp": "1"}, "AADSTS50027"),
        ({"nbf": 4_000_000_000, "exp": 4_100_000_000}, "AADSTS700024"),
    ],
)
def test_an_assertion_that_does_not_fit_says_what_does_not(
    azure: RunningAzure, credential: Callable[..., Any], said: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientAuthenticationError, match=code):
        credential(azure.assertion(SUBJECT, **said)).get_token(SCOPE)


def test_an_assertion_that_somebody_else_signed_opens_nothing(
    azure: RunningAzure, credential: Callable[..., Any], tmp_path: Path
) -> None:
    signing_key(tmp_path / "forger.key", tmp_path / "forger.pub")
    said = jwt.decode(azure.assertion(SUBJECT), options={"verify_signature": False})
    forged = jwt.encode(said, (tmp_path / "forger.key").read_bytes(), "RS256")
    with pytest.raises(ClientAuthenticationError, match="AADSTS50013"):
        credential(forged).get_token(SCOPE)


def test_an_assertion_that_is_no_token_is_not_repeated(credential: Callable[..., Any]) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS50027") as refused:
        credential("no-token-at-all").get_token(SCOPE)
    assert "no-token-at-all" not in str(refused.value)


def test_an_identity_that_was_never_made_is_unknown(credential: Callable[..., Any]) -> None:
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700016.*8000-000000000001"):
        credential(client_id="00000000-0000-4000-8000-000000000001").get_token(SCOPE)


def test_a_removed_credential_ends_the_trust(azure: RunningAzure, cloud: Cloud, credential: Callable[..., Any]) -> None:
    subject = "system:serviceaccount:gone:scheduler"
    gone = federate(cloud, azure, "id-gone", subject)
    credential(azure.assertion(subject), client_id=gone["clientId"]).get_token(SCOPE)
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-gone"
    cloud.delete(f"{path}/federatedIdentityCredentials/cluster")
    with pytest.raises(ClientAuthenticationError, match="AADSTS70025:"):
        credential(azure.assertion(subject), client_id=gone["clientId"]).get_token(SCOPE)


def test_a_tenant_that_is_not_this_one_is_not_found(credential: Callable[..., Any]) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS90002"):
        credential(tenant_id="99999999-9999-4999-8999-999999999999").get_token(SCOPE)


@pytest.mark.parametrize(
    ("scope", "code"),
    [(POSTGRESQL_AUDIENCE, "AADSTS1002012"), ("https://graph.example.test/.default", "AADSTS500011")],
)
def test_a_scope_that_names_no_known_resource_is_refused(credential: Callable[..., Any], scope: str, code: str) -> None:
    with pytest.raises(ClientAuthenticationError, match=code):
        credential().get_token(scope)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 900144),
        ({"grant_type": "password", "client_id": "x", "scope": SCOPE}, 70003),
        ({"grant_type": "client_credentials", "client_id": "x", "scope": SCOPE, "client_secret": "y"}, 7000218),
    ],
)
def test_a_request_without_an_assertion_is_refused(azure: RunningAzure, form: dict[str, str], code: int) -> None:
    answer = httpx.post(TOKEN_URL, data=form, verify=ssl.create_default_context(cafile=azure.trusted), trust_env=False)
    assert answer.json()["error_codes"] == [code]


def test_tokens_live_as_long_and_grow_as_large_as_a_test_needs(cloud: Cloud, credential: Callable[..., Any]) -> None:
    plain = credential().get_token(SCOPE).token
    shape = {"tokens": {"lifetime_seconds": 20, "extra_bytes": 4096}}
    assert cloud.client.put("/_sandbox/faults", json=shape).json()["tokens"] == shape["tokens"]
    asked = time.time()
    token = credential().get_token_info(SCOPE)
    assert asked + 19 <= token.expires_on <= time.time() + 21
    assert token.refresh_on is None
    assert 4000 < len(token.token) - len(plain) < 4200


def test_an_outage_lasts_until_it_is_cleared(cloud: Cloud, credential: Callable[..., Any]) -> None:
    rule = {"match": {"type": "Microsoft.Entra/tokens"}, "action": "fail", "status": 503, "times": None}
    cloud.client.put("/_sandbox/faults", json=[rule]).raise_for_status()
    for _ in range(3):
        with pytest.raises(ClientAuthenticationError, match="AADSTS90033"):
            credential().get_token(SCOPE)
    cloud.client.delete("/_sandbox/faults")
    assert credential().get_token(SCOPE).token


def test_an_outage_can_be_that_of_one_identity(
    azure: RunningAzure, cloud: Cloud, identity: dict[str, Any], credential: Callable[..., Any]
) -> None:
    subject = "system:serviceaccount:other:scheduler"
    other = federate(cloud, azure, "id-other", subject)
    match = {"type": "Microsoft.Entra/tokens", "name": identity["clientId"]}
    cloud.client.put("/_sandbox/faults", json=[{"match": match, "action": "drop", "times": None}]).raise_for_status()
    with pytest.raises(ServiceResponseError, match="without response"):
        credential().get_token(SCOPE)
    assert credential(azure.assertion(subject), client_id=other["clientId"]).get_token(SCOPE).token


def test_the_request_log_says_who_asked_for_what_and_holds_no_token(
    azure: RunningAzure, cloud: Cloud, identity: dict[str, Any], credential: Callable[..., Any]
) -> None:
    assertion = azure.assertion(SUBJECT)
    token = credential(assertion).get_token(SCOPE).token
    entry = cloud.client.get("/_sandbox/requests").json()[-1]
    assert (entry["host"], entry["client"]) == ("login.microsoftonline.com", identity["clientId"])
    assert (entry["resource"], entry["status"], entry["code"]) == (POSTGRESQL_AUDIENCE, 200, "")
    log = (azure.root / "arm" / "requests.jsonl").read_text()
    for secret in (assertion, token):
        assert secret.rsplit(".", 1)[-1] not in log


def test_the_published_configuration_leads_to_the_key_that_signs(
    azure: RunningAzure, credential: Callable[..., Any]
) -> None:
    with httpx.Client(verify=ssl.create_default_context(cafile=azure.trusted), trust_env=False) as client:
        base = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"
        configuration = client.get(f"{base}/.well-known/openid-configuration").json()
        keys = jwt.PyJWKSet.from_dict(client.get(configuration["jwks_uri"]).json())
    token = credential().get_token(SCOPE).token
    key = keys[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, ["RS256"], audience=POSTGRESQL_AUDIENCE)["iss"] == configuration["issuer"]


def test_a_host_that_the_sandbox_does_not_stand_for_gets_no_certificate(azure: RunningAzure) -> None:
    context = ssl.create_default_context(cafile=azure.trusted)
    for name in ("example.com", "stranger.azure.net", "core.windows.net"):
        with socket.create_connection(("127.0.0.1", azure.port)) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname=name)


def test_the_host_name_of_the_request_decides_not_that_of_the_connection(azure: RunningAzure) -> None:
    url = f"https://login.microsoftonline.com/{TENANT_ID}/discovery/v2.0/keys"
    context = ssl.create_default_context(cafile=azure.trusted)
    answer = httpx.get(url, headers={"Host": "example.com"}, verify=context, trust_env=False)
    assert answer.status_code == 421
