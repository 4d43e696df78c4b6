"""How engines sign in: a token per connection, the server verified, and nothing of it in what can be printed."""

from __future__ import annotations

import pytest
from ariel_runtime import metadata_engine
from ariel_runtime.metadata_engine import Target, create_async_metadata_engine, create_metadata_engine, direct_engine
from sqlalchemy import Engine, event

pytest.importorskip("psycopg2", reason="the drivers of the image are not installed here")
pytest.importorskip("asyncpg", reason="the drivers of the image are not installed here")

TARGET = Target(host="db.example", database="airflow", role="ariel_owner")


class Reached(Exception):  # noqa: N818 - not an error: the driver would connect now
    """Carries what the driver is given."""

    def __init__(self, parameters: dict[str, object]) -> None:
        self.parameters = parameters
        super().__init__("reached")


def given_to_the_driver(engine: Engine) -> dict[str, object]:
    @event.listens_for(engine, "do_connect")
    def stop(_dialect: object, _record: object, _positional: object, parameters: dict[str, object]) -> None:
        raise Reached(dict(parameters))

    with pytest.raises(Reached) as reached:
        engine.connect()
    return reached.value.parameters


def test_each_connection_gets_a_token_of_its_own() -> None:
    """A kept token expires, and the pool's next connection fails."""
    tokens = iter(("first", "second"))
    engine = direct_engine(TARGET.url, password=lambda: next(tokens))
    assert given_to_the_driver(engine)["password"] == "first"  # noqa: S105
    assert given_to_the_driver(engine)["password"] == "second"  # noqa: S105


def test_the_servers_name_is_verified() -> None:
    assert given_to_the_driver(direct_engine(TARGET.url, password=str))["sslmode"] == "verify-full"


def test_no_token_stands_in_a_url_or_a_text() -> None:
    engine = direct_engine(TARGET.url, password=lambda: "secret-token")
    given_to_the_driver(engine)
    assert "secret-token" not in f"{engine!r} {engine.url.render_as_string(hide_password=False)}"


def test_what_goes_through_pgbouncer_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARIEL_DATABASE_HOST", raising=False)
    url = "postgresql+psycopg2://login:password@pgbouncer:6432/alias"
    parameters = given_to_the_driver(create_metadata_engine(url, engine_args={}, connect_args={}))
    assert parameters["password"] == "password"  # noqa: S105
    assert "sslmode" not in parameters


def test_airflows_asynchronous_engine_gets_tokens_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARIEL_DATABASE_HOST", "db.example")
    monkeypatch.setenv("PGSSLROOTCERT", "")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(metadata_engine, "token", lambda: "of-the-pod")
    url = "postgresql+asyncpg://ariel_owner@db.example/airflow"
    parameters = given_to_the_driver(create_async_metadata_engine(url, connect_args={}).sync_engine)
    assert parameters["password"] == "of-the-pod"  # noqa: S105
    assert parameters["ssl"].check_hostname  # type: ignore[attr-defined]
