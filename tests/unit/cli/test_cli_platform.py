"""Which platform a command asks, and as whom: in Azure, by a token of Airflow's API."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.platform import Platform, PlatformError
from cli.session import TOKEN_VARIABLE, Session
from sandbox.pki import Authority
from stacks.errors import UsageError

TOKEN = "token-of-ada"  # noqa: S105 - opens nothing


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of an API behind a certificate that the machine trusts; it says who asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Bearer {TOKEN}"
            body = json.dumps({"path": self.path} if known else {"detail": "Invalid JWT token"}).encode()
            if self.path == "/sign-in":
                body = b"<html>Sign in</html>"
            self.send_response(200 if known else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    authority = Authority(tmp_path, "test")
    leaf = authority.server("api", "api", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf.certificate, leaf.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files.certificate))
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_in_azure_it_asks_with_the_persons_token(address: str) -> None:
    assert Platform.at(address, TOKEN).call("GET", "/ariel/secrets/weather") == {"path": "/ariel/secrets/weather"}


def test_a_token_that_is_refused_is_in_no_message(address: str) -> None:
    with pytest.raises(PlatformError, match="403: Invalid JWT token") as refused:
        Platform.at(address, "token-of-nobody").call("GET", "/ariel/secrets/weather")
    assert "token-of-nobody" not in str(refused.value)


def test_a_certificate_that_nobody_vouches_for_is_no_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(PlatformError, match="CERTIFICATE_VERIFY_FAILED"):
        Platform.at(address, TOKEN).call("GET", "/ariel/secrets/weather")


def test_a_page_of_a_proxy_is_no_answer(address: str) -> None:
    with pytest.raises(PlatformError, match="200: no JSON"):
        Platform.at(address, TOKEN).call("GET", "/sign-in")


def test_a_sandbox_that_plays_prod_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    for file in ("Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.prod.yaml"):
        (tmp_path / file).write_text((root / file).read_text())
    played = Platform.at("airflow.localhost", TOKEN)
    monkeypatch.setattr(Session, "platform", played)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert Session(tmp_path, "local").running_platform() is played
    assert Session(tmp_path, "prod").running_platform() is not played
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert Session(tmp_path, "prod").running_platform() is played


def test_without_a_sandbox_and_a_token_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[3]
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        (tmp_path / file).write_text((root / file).read_text())
    session = Session(tmp_path, "dev")
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with pytest.raises(UsageError, match=TOKEN_VARIABLE):
        session.running_platform()
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert isinstance(session.running_platform(), Platform)
