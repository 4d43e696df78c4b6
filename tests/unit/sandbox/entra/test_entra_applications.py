"""App registrations: a task speaks as one by its own account or by a certificate, as Azure's library really asks."""

from __future__ import annotations

import json
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from ariel_runtime import identity
from azure.core.exceptions import ClientAuthenticationError
from cryptography.hazmat.primitives import hashes
from starlette.testclient import TestClient

from cli.azure import Azure
from components.tenant_airflow import application_environment
from sandbox.arm.app import create_app
from sandbox.arm.tenant import TENANT_ID
from sandbox.entra.tokens import VAULT_AUDIENCE, TokenAuthority, issuer
from sandbox.landscape import registrations
from sandbox.paths import REPOSITORY
from sandbox.pki import private_pem, signing_key
from stacks.load import load, read_file
from tests.engine.arm.cloud import TOKEN, Cloud
from tests.unit.sandbox.entra.own_certificate import OwnCertificate
from tests.unit.sandbox.entra.running_azure import EXCHANGE, RunningAzure, federate

CLIENT = "66666666-6666-4666-8666-66666666660a"
STRANGER = "66666666-6666-4666-8666-66666666660b"
PLACE = f"/_sandbox/applications/{CLIENT}"
SUBJECT = "system:serviceaccount:tasks-mobility:task"
SCOPE = f"{VAULT_AUDIENCE}/.default"
TOKEN_URL = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token"


def signed(certificate: OwnCertificate, algorithm: str = "RS256", **said: Any) -> str:
    """An assertion as a library makes it; None for a claim takes it out."""
    field, digest = ("x5t#S256", hashes.SHA256()) if algorithm == "PS256" else ("x5t", hashes.SHA1())  # noqa: S303
    thumbprint = urlsafe_b64encode(certificate.certificate.fingerprint(digest)).rstrip(b"=").decode()
    end = datetime.now(UTC) + timedelta(minutes=10)
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": TOKEN_URL, "exp": end, "jti": "1", **said}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, private_pem(certificate.key), algorithm, headers={field: thumbprint})


@pytest.fixture(scope="module")
def certificate() -> OwnCertificate:
    return OwnCertificate()


@pytest.fixture
def registration(azure: RunningAzure, certificate: OwnCertificate) -> dict[str, Any]:
    credential = {"issuer": azure.cluster.issuer(), "subject": SUBJECT, "audiences": [EXCHANGE]}
    return {"federatedCredentials": [credential], "certificates": [certificate.public]}


@pytest.fixture
def registered(cloud: Cloud, registration: dict[str, Any]) -> dict[str, Any]:
    """The application `partner`, as the sandbox knows it."""
    return dict(cloud.client.put(PLACE, json=registration).raise_for_status().json())


@pytest.fixture
def task(azure: RunningAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this process a task pod: the variable of its tenant's entry, and the token of its account."""

    def make(assertion: str | None = None, client: str = CLIENT, pem: str | None = None) -> None:
        file = tmp_path / "assertion"
        file.write_text(assertion or azure.assertion(SUBJECT))
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
        found = {"clientId": client, "tenantId": TENANT_ID, "certificate": None if pem is None else "partner.pem"}
        monkeypatch.setenv("ARIEL_APPLICATIONS", json.dumps({"partner": found}))
        monkeypatch.setattr(identity.secrets, "get", {"partner.pem": pem}.__getitem__)

    return make


def claims(azure: RunningAzure) -> Any:
    """Of the token that `partner` gets now."""
    token = identity.application("partner").get_token(SCOPE).token
    return TokenAuthority(azure.root / "entra").verify(token, VAULT_AUDIENCE)


def refused(code: str) -> Any:
    return pytest.raises(ClientAuthenticationError, match=f"AADSTS{code}:")


def test_a_task_speaks_as_the_application_without_any_secret(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None]
) -> None:
    task()
    found = claims(azure)
    assert (found.client_id, found.object_id) == (CLIENT, registered["objectId"])


@pytest.mark.parametrize("key_first", [False, True])
def test_a_task_speaks_as_the_application_by_the_certificate_in_its_vault(
    azure: RunningAzure,
    registered: dict[str, Any],
    task: Callable[..., None],
    certificate: OwnCertificate,
    key_first: bool,
) -> None:
    parts = [certificate.public, private_pem(certificate.key).decode()]
    task("no assertion", CLIENT.upper(), "".join(reversed(parts) if key_first else parts))
    found = claims(azure)
    assert (found.client_id, found.object_id) == (CLIENT, registered["objectId"])


def test_a_task_of_another_tenant_does_not_speak_as_the_application(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None]
) -> None:
    task(azure.assertion("system:serviceaccount:tasks-weather:task"))
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700213: .*'system:serviceaccount:tasks-weather:task'"):
        claims(azure)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"iss": "https://oidc.elsewhere.test/"}, "700211"),
        ({"aud": ["https://kubernetes.default.svc"]}, "700212"),
        ({"sub": "system:serviceaccount:tasks-mobility:task-counts"}, "700213"),
        ({"exp": 1_700_000_000}, "700024"),
    ],
)
def test_an_assertion_that_does_not_fit_opens_no_application(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None], said: dict[str, Any], code: str
) -> None:
    task(azure.assertion(SUBJECT, **said))
    with refused(code):
        claims(azure)


def test_an_assertion_that_another_cluster_signed_opens_no_application(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None], tmp_path: Path
) -> None:
    signing_key(tmp_path / "other.key", tmp_path / "other.pub")
    said = jwt.decode(azure.assertion(SUBJECT), options={"verify_signature": False})
    task(jwt.encode(said, (tmp_path / "other.key").read_bytes(), "RS256"))
    with refused("50013"):
        claims(azure)


def test_a_federated_credential_that_its_owner_deletes_ends_the_trust(
    azure: RunningAzure, cloud: Cloud, registered: dict[str, Any], task: Callable[..., None]
) -> None:
    task()
    claims(azure)
    cloud.client.put(PLACE, json={"certificates": registered["certificates"]}).raise_for_status()
    with refused("70025"):
        claims(azure)


def test_an_application_that_its_owner_deletes_is_unknown(
    azure: RunningAzure, cloud: Cloud, registered: dict[str, Any], task: Callable[..., None]
) -> None:
    task()
    assert cloud.client.delete(PLACE).status_code == 204
    with pytest.raises(ClientAuthenticationError, match=f"AADSTS700016: .*'{CLIENT}'"):
        claims(azure)


def test_a_certificate_that_is_not_registered_opens_nothing(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None]
) -> None:
    other = OwnCertificate()
    task(pem=other.whole)
    thumbprint = other.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
    with pytest.raises(ClientAuthenticationError, match=f"AADSTS700027: .*key was not found.*'{thumbprint}'"):
        claims(azure)


def test_the_key_of_another_certificate_opens_nothing(
    azure: RunningAzure, registered: dict[str, Any], task: Callable[..., None], certificate: OwnCertificate
) -> None:
    task(pem=certificate.public + private_pem(OwnCertificate().key).decode())
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700027: .*did not match the expected signature value"):
        claims(azure)


def test_an_expired_certificate_opens_nothing(azure: RunningAzure, cloud: Cloud, task: Callable[..., None]) -> None:
    old = OwnCertificate(days=-1)
    cloud.client.put(PLACE, json={"certificates": [old.public]}).raise_for_status()
    task(pem=old.whole)
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700027: .*The key used is expired"):
        claims(azure)


def ask(azure: RunningAzure, assertion: str, client: str = CLIENT) -> httpx.Response:
    """What a client says that signs assertions by itself."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    return httpx.post(TOKEN_URL, data=form, verify=ssl.create_default_context(cafile=azure.trusted), trust_env=False)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@pytest.mark.parametrize(
    "audience", [TOKEN_URL, f"https://login.microsoftonline.com/{TENANT_ID}/v2.0", issuer(TENANT_ID)]
)
def test_old_and_new_thumbprints_and_each_name_of_entra_are_accepted(
    azure: RunningAzure, registered: dict[str, Any], certificate: OwnCertificate, algorithm: str, audience: str
) -> None:
    answer = ask(azure, signed(certificate, algorithm, aud=audience))
    assert answer.json().get("token_type") == "Bearer", answer.text


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"exp": 1_700_000_000}, 700024),
        ({"nbf": 4_000_000_000, "exp": 4_100_000_000}, 700024),
        ({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}, 700023),
        ({"iss": STRANGER, "sub": STRANGER}, 700021),
        ({"sub": SUBJECT}, 700021),
        ({"exp": None}, 50027),
        ({"sub": None}, 50027),
        ({"aud": 7}, 700023),
    ],
)
def test_an_assertion_of_the_application_itself_that_does_not_fit_says_what_does_not(
    azure: RunningAzure, registered: dict[str, Any], certificate: OwnCertificate, said: dict[str, Any], code: int
) -> None:
    assert ask(azure, signed(certificate, **said)).json()["error_codes"] == [code]


def test_an_assertion_of_the_application_itself_without_a_thumbprint_opens_nothing(
    azure: RunningAzure, registered: dict[str, Any], certificate: OwnCertificate
) -> None:
    said = jwt.decode(signed(certificate), options={"verify_signature": False})
    bare = jwt.encode(said, private_pem(certificate.key), "RS256")
    assert ask(azure, bare).json()["error_codes"] == [700027]


def test_a_thumbprint_that_is_none_is_not_repeated(
    azure: RunningAzure, registered: dict[str, Any], certificate: OwnCertificate
) -> None:
    said = jwt.decode(signed(certificate), options={"verify_signature": False})
    for thumbprint in ("A", 5, ["no"]):
        wrong = jwt.encode(said, private_pem(certificate.key), "RS256", headers={"x5t": thumbprint})
        assert ask(azure, wrong).json()["error_codes"] == [50027]


def test_the_certificate_of_an_application_opens_no_managed_identity(
    azure: RunningAzure, cloud: Cloud, registered: dict[str, Any], certificate: OwnCertificate
) -> None:
    client = federate(cloud, azure, "id-mobility", SUBJECT)["clientId"]
    answer = ask(azure, signed(certificate, iss=client, sub=client), client)
    assert answer.json()["error_codes"] == [700027]


def test_what_the_sandbox_registers_lets_the_tasks_of_the_tenant_in(
    azure: RunningAzure, cloud: Cloud, task: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the block in the stack file to the token, with nothing made by hand."""
    settings = load("local", read_file(REPOSITORY / "Pulumi.local.yaml"))
    arm = Azure(str(cloud.client.base_url), lambda: TOKEN)
    for other in registrations(settings, azure.cluster.issuer()):
        assert arm.find(other.id, other.api_version) is None
        arm.put(other.id, other.api_version, other.body)
        assert arm.find(other.id, other.api_version) is not None
    task()
    for name, value in application_environment(settings.tenants["mobility"].applications, TENANT_ID).items():
        monkeypatch.setenv(name, str(value))
    assert claims(azure).client_id == settings.tenants["mobility"].applications["partner"].client_id


@pytest.fixture
def service(tmp_path: Path) -> Callable[[], TestClient]:
    """The emulated Azure in this process, over one folder; each call is a restart."""

    def start() -> TestClient:
        return TestClient(create_app(tmp_path, token=TOKEN), headers={"Authorization": f"Bearer {TOKEN}"})

    return start


def test_a_registration_survives_a_restart_and_ends_with_a_reset(service: Callable[[], TestClient]) -> None:
    written = service().put(f"/_sandbox/applications/{CLIENT.upper()}", json={}).json()
    assert written["clientId"] == CLIENT
    restarted = service()
    assert restarted.get("/_sandbox/applications").json() == [restarted.get(PLACE).json()] == [written]
    restarted.post("/_sandbox/reset")
    assert service().get("/_sandbox/applications").json() == []
    assert restarted.get(PLACE).status_code == 404


def test_a_registration_keeps_its_principal_when_it_is_made_anew(service: Callable[[], TestClient]) -> None:
    """A role that was granted to it would open nothing else."""
    client = service()
    before = client.put(PLACE, json={}).json()["objectId"]
    client.delete(PLACE)
    assert client.put(PLACE, json={"objectId": STRANGER}).json()["objectId"] == before


GOOD: dict[str, Any] = {"issuer": "https://oidc.test/", "subject": "a", "audiences": [EXCHANGE]}
PRIVATE = private_pem(OwnCertificate().key).decode()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        ({"secrets": ["hunter2"]}, "secrets"),
        ({"federatedCredentials": [{**GOOD, "issuer": "http://hunter2.test"}]}, "federatedCredentials[0].issuer"),
        ({"federatedCredentials": [{**GOOD, "subject": ""}]}, "federatedCredentials[0].subject"),
        ({"federatedCredentials": [{**GOOD, "audiences": []}]}, "federatedCredentials[0].audiences"),
        ({"federatedCredentials": [{**GOOD, "audiences": ["a", "b"]}]}, "federatedCredentials[0].audiences"),
        ({"federatedCredentials": [GOOD, {**GOOD, "audiences": ["other"]}]}, "federatedCredentials"),
        ({"federatedCredentials": [{**GOOD, "subject": str(n)} for n in range(21)]}, "federatedCredentials"),
        ({"certificates": ["hunter2"]}, "certificates[0]"),
        ({"certificates": [OwnCertificate(curve=True).public]}, "certificates[0]"),
        ({"certificates": [OwnCertificate().public + PRIVATE]}, "certificates[0]"),
    ],
    ids=[
        *("no-object", "unknown-key", "issuer", "no-subject", "no-audience", "two-audiences", "one-of-two", "too-many"),
        *("no-certificate", "curve", "with-its-key"),
    ],
)
def test_a_registration_that_entra_would_not_keep_is_refused(
    service: Callable[[], TestClient], body: Any, path: str
) -> None:
    client = service()
    answer = client.put(PLACE, json=body)
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message.startswith(f"{path}: ")
    assert not any(hidden in answer.text for hidden in ("hunter2", PRIVATE.splitlines()[1]))
    assert client.get("/_sandbox/applications").json() == []


def test_a_registration_belongs_to_a_client_id(service: Callable[[], TestClient]) -> None:
    answer = service().put("/_sandbox/applications/partner", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidApplication")


def test_nobody_registers_an_application_without_the_token_of_the_sandbox(service: Callable[[], TestClient]) -> None:
    client = service()
    client.headers.clear()
    for method, path in (("GET", "/_sandbox/applications"), ("PUT", PLACE), ("DELETE", PLACE)):
        assert client.request(method, path).status_code == 401
