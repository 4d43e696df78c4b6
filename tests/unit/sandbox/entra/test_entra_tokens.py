"""Tokens: only those of this sandbox, for this audience, in their time, are accepted."""

from __future__ import annotations

import hmac
import stat
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from sandbox.entra.tokens import POSTGRESQL_AUDIENCE, STORAGE_AUDIENCE, TokenAuthority, TokenRefused

TENANT, IDENTITY, CLIENT = "11111111-1111", "22222222-2222", "33333333-3333"


def _issue(authority: TokenAuthority, lifetime: float = 60, extra_bytes: int = 0) -> str:
    return authority.issue(
        tenant_id=TENANT,
        object_id=IDENTITY,
        client_id=CLIENT,
        audience=POSTGRESQL_AUDIENCE,
        lifetime=timedelta(seconds=lifetime),
        extra_bytes=extra_bytes,
    )


@pytest.fixture
def authority(tmp_path: Path) -> TokenAuthority:
    return TokenAuthority(tmp_path / "entra")


def test_a_token_says_who_it_was_issued_to(authority: TokenAuthority) -> None:
    claims = authority.verify(_issue(authority), POSTGRESQL_AUDIENCE)
    assert (claims.object_id, claims.client_id, claims.tenant_id) == (IDENTITY, CLIENT, TENANT)
    assert timedelta(0) < claims.expires_at - datetime.now(UTC) <= timedelta(seconds=60)


def test_a_token_for_the_database_does_not_open_the_storage(authority: TokenAuthority) -> None:
    with pytest.raises(TokenRefused, match="Audience"):
        authority.verify(_issue(authority), STORAGE_AUDIENCE)


def test_an_expired_token_opens_nothing(authority: TokenAuthority) -> None:
    with pytest.raises(TokenRefused, match="expired"):
        authority.verify(_issue(authority, lifetime=-1), POSTGRESQL_AUDIENCE)


def test_a_token_of_another_sandbox_opens_nothing(authority: TokenAuthority, tmp_path: Path) -> None:
    with pytest.raises(TokenRefused, match="Signature"):
        authority.verify(_issue(TokenAuthority(tmp_path / "other")), POSTGRESQL_AUDIENCE)


def test_a_token_signed_with_the_public_key_as_a_shared_secret_opens_nothing(
    authority: TokenAuthority, tmp_path: Path
) -> None:

    claims = _issue(authority).split(".")[1]
    head = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    public = (tmp_path / "entra" / "signing.pub").read_bytes()
    mac = hmac.digest(public, f"{head}.{claims}".encode(), "sha256")
    forged = f"{head}.{claims}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(TokenRefused, match="alg"):
        authority.verify(forged, POSTGRESQL_AUDIENCE)


def test_a_token_that_names_a_foreign_issuer_opens_nothing(authority: TokenAuthority, tmp_path: Path) -> None:
    claims = jwt.decode(_issue(authority), options={"verify_signature": False}) | {"iss": "https://elsewhere.test/"}
    forged = jwt.encode(claims, (tmp_path / "entra" / "signing.key").read_bytes(), "RS256")
    with pytest.raises(TokenRefused, match="issuer"):
        authority.verify(forged, POSTGRESQL_AUDIENCE)


def test_garbage_is_refused_without_being_repeated(authority: TokenAuthority) -> None:
    with pytest.raises(TokenRefused) as refused:
        authority.verify("not-a-token", POSTGRESQL_AUDIENCE)
    assert "not-a-token" not in str(refused.value)


@pytest.mark.parametrize("extra", [100, 1024, 4096, 60_000])
def test_a_token_grows_by_what_was_asked_for(authority: TokenAuthority, extra: int) -> None:
    grown = _issue(authority, extra_bytes=extra)
    assert abs(len(grown) - len(_issue(authority)) - extra) <= 3
    authority.verify(grown, POSTGRESQL_AUDIENCE)


def test_the_published_key_verifies_a_token(authority: TokenAuthority) -> None:
    token = _issue(authority)
    key = jwt.PyJWKSet.from_dict(authority.keys)[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, ["RS256"], audience=POSTGRESQL_AUDIENCE)["oid"] == IDENTITY


def test_a_restart_still_accepts_the_tokens_issued_before(authority: TokenAuthority, tmp_path: Path) -> None:
    token = _issue(authority)
    assert TokenAuthority(tmp_path / "entra").verify(token, POSTGRESQL_AUDIENCE).object_id == IDENTITY


def test_processes_that_come_first_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: TokenAuthority(tmp_path / "new"), range(8)))
    assert len({authority.key_id for authority in made}) == 1
    made[0].verify(_issue(made[-1]), POSTGRESQL_AUDIENCE)


def test_nobody_else_reads_the_signing_key(authority: TokenAuthority, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "entra" / "signing.key").stat().st_mode) == 0o600
