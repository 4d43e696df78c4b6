"""Fresh tokens, asked for with azure-identity at an endpoint that speaks Entra's protocol."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ariel_runtime.tokens import Token, TokenUnavailableError, fresh_token

from sandbox.pki import Authority
from tests.cluster.token_issuer import Issuer

ASSERTION = "the-projected-token"


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    authority = Authority(tmp_path / "ca", "test")
    running = Issuer(authority)
    running.roles = {"client": "ariel_runtime"}
    (tmp_path / "assertion").write_text(ASSERTION)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", running.url)
    monkeypatch.setenv("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000001")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "assertion"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.files.certificate))
    yield running
    running.close()


def test_every_call_brings_a_new_token_and_never_a_kept_one(issuer: Issuer) -> None:
    first, second = fresh_token("client"), fresh_token("client")
    assert first.value != second.value
    assert second.value == issuer.newest["ariel_runtime"]


def test_a_token_says_when_it_expires_and_when_entra_wants_it_renewed(issuer: Issuer) -> None:
    token = fresh_token("client")
    assert token.expires_on == pytest.approx(time.time() + issuer.lifetime, abs=5)
    assert token.refresh_on is None
    issuer.lifetime = 86_400
    assert fresh_token("client").refresh_on == pytest.approx(time.time() + 43_200, abs=5)


def test_a_refusal_says_what_entra_said_and_shows_no_secret(issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(TokenUnavailableError, match="AADSTS90033") as refused:
        fresh_token("client")
    assert ASSERTION not in str(refused.value)


def test_an_endpoint_that_is_away_is_asked_once_and_not_for_minutes(issuer: Issuer) -> None:
    issuer.close()
    begun = time.monotonic()
    with pytest.raises(TokenUnavailableError):
        fresh_token("client")
    assert time.monotonic() - begun < 16  # what the docstring promises


def test_an_endpoint_with_a_foreign_certificate_gets_no_assertion(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = Authority(tmp_path / "foreign", "foreign").files.certificate
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(foreign))
    with pytest.raises(TokenUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        fresh_token("client")
    assert not issuer.newest


def test_a_pod_without_workload_identity_is_told_so(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    with pytest.raises(TokenUnavailableError, match="token_file_path"):
        fresh_token("client")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/does/not/exist")
    with pytest.raises(TokenUnavailableError, match="No such file"):
        fresh_token("client")


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Token(value="secret", expires_on=0, refresh_on=None))
