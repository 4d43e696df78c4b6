"""A team's webhook with real parts: a vault behind Azure's own client, and a mirror of a repository that git serves."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import get_user
from airflow.models import DagModel
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagbundle import DagBundleModel
from ariel_runtime import git_mirror
from ariel_runtime.delivery import guesses, journal, mirror, webhook
from ariel_runtime.delivery.guesses import Guesses
from ariel_runtime.git_mirror import Settings
from ariel_runtime.life import Life
from ariel_runtime.plugins import delivery_app, secrets_app, webhook_app
from ariel_runtime.registry import Vault
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select
from structlog.testing import capture_logs

from stacks.roles import VAULT_WRITER
from tests.ports import free_port
from tests.unit.runtime.git_remote import Remote, git
from tests.unit.runtime.tenants import tenant
from tests.unit.runtime.webhook_tables import webhook_tables
from tests.unit.sandbox.vault.running_vaults import READER, RunningVaults, url

RunAs = Callable[[str], None]
KEY = "airflow-secrets-webhook-key"
SIGNING = "airflow-secrets-webhook-github-secret"


class Mirror:
    """A tenant's mirror as its command runs it; it does not look by itself while a test lasts."""

    def __init__(self, folder: Path, remote: str) -> None:
        folder.mkdir()
        ports = {"port": free_port(), "state_port": free_port()}
        self.settings = Settings(url=remote, branch="main", folder=folder / "r.git", poll_seconds=3600, **ports)
        self.address = f"http://127.0.0.1:{self.settings.state_port}"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=git_mirror.run, args=(self.settings, Life(folder), self._stop))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory, repository: Remote) -> Iterator[Mirror]:
    made = Mirror(tmp_path_factory.mktemp("mirror") / "served", repository.url)
    yield made
    made.stop()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of Airflow, with one DAG of weather."""
    session_of = webhook_tables(monkeypatch)
    with session_of.begin() as session:
        session.add(DagBundleModel(name="weather", version="0" * 40))
        session.flush()
        place = {"bundle_name": "weather", "fileloc": "x", "relative_fileloc": "dags/daily.py"}
        session.add(DagModel(dag_id="weather.daily", **place, is_stale=False, bundle_version="0" * 40))
    return session_of


@pytest.fixture
def client(
    running: RunningVaults, run_as: RunAs, mirrored: Mirror, database: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """The API server's, as its identity: it reads names and sets values. Weather's key is issued."""
    running.admit("api-server", READER, VAULT_WRITER, to="weather")
    known = {slug: tenant(slug, vault=Vault(url=url("weather"), shared=False)) for slug in ("weather", "mobility")}
    for module in (webhook_app, delivery_app, secrets_app):
        monkeypatch.setattr(module, "tenants", lambda: known)
    monkeypatch.setattr(webhook_app, "_GUESSES", Guesses(clock=lambda: 0))
    monkeypatch.setattr(mirror, "address", lambda _: mirrored.address)
    monkeypatch.setenv("AIRFLOW__API__SECRET_KEY", "of the api server alone")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/")
    run_as("api-server")
    create_auth_manager()
    with TestClient(webhook_app.app) as made:
        sign_in("op", "weather")
        assert made.post("/weather/key").status_code == 200
        webhook_app.app.dependency_overrides.clear()
        yield made
    webhook_app.app.dependency_overrides.clear()


def sign_in(role: str, *teams: str) -> None:
    user = SimpleAuthManagerUser(username="ada", role=role, teams=list(teams))
    webhook_app.app.dependency_overrides[get_user] = lambda: user


def in_vault(vaults: RunningVaults, name: str) -> str:
    """As the team's pipeline reads it."""
    return str(vaults.client("weather", "weather").get_secret(name).value)


def announce(client: TestClient, key: str, team: str = "weather") -> Response:
    return client.post(f"/{team}", headers={"X-Webhook-Key": key})


def test_a_call_fetches_what_was_pushed_and_issues_the_next_key_into_the_vault(
    client: TestClient, vaults: RunningVaults, repository: Remote, database: Any
) -> None:
    first = in_vault(vaults, KEY)
    pushed = repository.write("pushed")
    with capture_logs() as logs:
        answer = announce(client, first)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"tenant": "weather", "revision": pushed, "parse_asked": True}
    second = in_vault(vaults, KEY)
    assert first != second
    assert first not in answer.text + str(logs)
    assert second not in answer.text + str(logs)
    with database() as session:
        (asked,) = session.scalars(select(DagPriorityParsingRequest))
        assert (asked.bundle_name, asked.relative_fileloc) == ("weather", "dags/daily.py")
    assert announce(client, second).status_code == 200


def test_a_key_works_once(client: TestClient, vaults: RunningVaults) -> None:
    """Whoever saw it on its way could announce for ever."""
    key = in_vault(vaults, KEY)
    assert announce(client, key).status_code == 200
    after = in_vault(vaults, KEY)
    assert announce(client, key).status_code == 403
    assert in_vault(vaults, KEY) == after


def test_a_team_that_is_not_there_looks_like_a_wrong_key(client: TestClient, vaults: RunningVaults) -> None:
    key = in_vault(vaults, KEY)
    answers = [announce(client, "wrong"), announce(client, key, "absent"), announce(client, key, "mobility")]
    answers += [client.post("/weather"), client.post("/weather", headers={"X-Webhook-Key": "ÿ".encode("latin-1")})]
    assert {each.status_code for each in answers} == {403}
    assert len({each.text for each in answers}) == 1
    assert announce(client, key).status_code == 200


def test_wrong_keys_keep_the_right_one_out_of_nothing(client: TestClient, vaults: RunningVaults, database: Any) -> None:
    before = len(vaults.log())
    for _ in range(20):
        assert announce(client, "wrong").status_code == 403
    assert len(vaults.log()) == before, "the vault was asked for somebody without a key"
    with database() as session:
        assert journal.latest(session, "weather", 10) == []
    assert announce(client, in_vault(vaults, KEY)).status_code == 200


def test_whoever_holds_the_keys_may_call_a_few_times_a_minute(client: TestClient, vaults: RunningVaults) -> None:
    for _ in range(webhook.MOST_PER_MINUTE):
        assert announce(client, in_vault(vaults, KEY)).status_code == 200
    key = in_vault(vaults, KEY)
    answer = announce(client, key)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert in_vault(vaults, KEY) == key


def test_a_vault_that_refuses_leaves_the_key_valid(client: TestClient, vaults: RunningVaults) -> None:
    key = in_vault(vaults, KEY)
    vaults.fault("fail", status=403, code="Forbidden", times=1)
    answer = announce(client, key)
    assert answer.status_code == 502, answer.text
    assert "this one stays" in answer.json()["detail"]
    assert announce(client, key).status_code == 200


def test_a_next_key_that_the_vault_has_and_the_database_has_not_is_accepted(
    client: TestClient, vaults: RunningVaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vault was written, then the database went away before it was committed."""
    first = in_vault(vaults, KEY)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "accept", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            announce(client, first)
    second = in_vault(vaults, KEY)
    assert second != first
    assert announce(client, second).status_code == 200
    assert announce(client, first).status_code == 403
    assert announce(client, in_vault(vaults, KEY)).status_code == 200


def test_a_mirror_that_is_away_is_said_and_the_next_key_is_there(
    client: TestClient, vaults: RunningVaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mirror, "address", lambda _: f"http://127.0.0.1:{free_port()}")
        answer = announce(client, in_vault(vaults, KEY))
    assert answer.status_code == 502
    assert "polling will bring" in answer.json()["detail"]
    assert announce(client, in_vault(vaults, KEY)).status_code == 200


def push(branch: str = "main", revision: str = "a") -> bytes:
    return json.dumps({"ref": f"refs/heads/{branch}", "after": revision}).encode()


def signed(client: TestClient, secret: str, body: bytes, event: str = "push", team: str = "weather") -> Response:
    signature = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": event, "X-GitHub-Delivery": "any"}
    return client.post(f"/{team}", headers=headers, content=body)


def test_githubs_signature_is_accepted_once(client: TestClient, vaults: RunningVaults, repository: Remote) -> None:
    secret = in_vault(vaults, SIGNING)
    pushed = repository.write("by github")
    answer = signed(client, secret, push())
    assert (answer.status_code, answer.json()["revision"]) == (200, pushed)
    assert signed(client, secret, push()).status_code == 409, "replayed"
    assert signed(client, secret, push(revision="b")).status_code == 200


@pytest.mark.parametrize("team", ["weather", "absent"])
def test_who_guesses_often_is_to_wait_and_the_teams_own_callers_are_not(
    client: TestClient, vaults: RunningVaults, team: str
) -> None:
    """With one limit for both anybody could close a team's webhook; one for teams alone would tell which there are."""
    ways: list[Callable[[], Response]] = [
        lambda: announce(client, "wrong", team),
        lambda: signed(client, "wrong", push(), team=team),
        lambda: client.post(f"/{team}"),
    ]
    few = [ways[number % len(ways)]() for number in range(guesses.MOST_PER_MINUTE)]
    assert {each.status_code for each in few} == {403}
    more = [way() for way in ways]
    assert {(each.status_code, each.headers.get("Retry-After")) for each in more} == {(429, "60")}
    assert len({each.text for each in more}) == 1
    assert announce(client, "wrong", "mobility").status_code == 403, "not of this team"
    assert announce(client, in_vault(vaults, KEY)).status_code == 200
    assert signed(client, in_vault(vaults, SIGNING), push()).status_code == 200
    assert announce(client, "wrong", team).status_code == 429, "a caller with a key makes room for more guesses"


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("ping", b"{}", 200),
        ("issues", push(), 202),
        ("push", push("other"), 202),
        ("push", b"[", 202),
        ("push", b"[]", 202),
        ("push", b" " * (webhook_app.LARGEST + 1), 413),
    ],
)
def test_what_is_no_push_to_the_branch_fetches_nothing(
    client: TestClient, vaults: RunningVaults, database: Any, event: str, body: bytes, status: int
) -> None:
    assert signed(client, in_vault(vaults, SIGNING), body, event).status_code == status
    assert signed(client, "wrong", body, event).status_code == (413 if status == 413 else 403)
    with database() as session:
        assert journal.latest(session, "weather", 10) == []


def test_keys_that_leaked_are_made_anew(client: TestClient, vaults: RunningVaults) -> None:
    key, secret = in_vault(vaults, KEY), in_vault(vaults, SIGNING)
    sign_in("op", "weather")
    assert client.post("/weather/key").json()["secrets"] == [KEY, SIGNING, "airflow-secrets-webhook-url"]
    assert (in_vault(vaults, KEY), in_vault(vaults, SIGNING)) == (key, secret)
    assert client.post("/weather/key?anew=true").status_code == 200
    assert announce(client, key).status_code == 403
    assert signed(client, secret, push()).status_code == 403
    assert announce(client, in_vault(vaults, KEY)).status_code == 200
    assert in_vault(vaults, "airflow-secrets-webhook-url") == "https://airflow.example.org/ariel/webhook/weather"


@pytest.mark.parametrize(("role", "teams"), [("op", ("mobility",)), ("viewer", ("weather",)), ("op", ())])
def test_who_may_not_set_the_teams_secrets_issues_no_key(
    client: TestClient, vaults: RunningVaults, role: str, teams: tuple[str, ...]
) -> None:
    key = in_vault(vaults, KEY)
    assert client.post("/weather/key?anew=true").status_code == 401
    sign_in(role, *teams)
    assert client.post("/weather/key?anew=true").status_code == 403
    assert in_vault(vaults, KEY) == key


def test_a_tenant_that_comes_again_does_not_accept_its_old_keys(
    client: TestClient, vaults: RunningVaults, database: Any
) -> None:
    """Its row goes with it, and a number that begins anew would bring back what was used."""
    key = in_vault(vaults, KEY)
    assert announce(client, key).status_code == 200
    with database.begin() as session:
        for table in (journal._DELIVERY, journal._WEBHOOK):
            session.execute(table.delete())
    sign_in("op", "weather")
    client.post("/weather/key")
    assert announce(client, key).status_code == 403


def test_the_team_sees_how_far_its_revision_has_come(
    client: TestClient, vaults: RunningVaults, repository: Remote
) -> None:
    announce(client, in_vault(vaults, KEY))
    assert client.get("/weather").status_code == 401
    sign_in("viewer", "mobility")
    assert client.get("/weather").status_code == 403
    sign_in("viewer", "weather")
    told = client.get("/weather").json()
    assert told["mirror"]["commit"] == git(repository.work, "rev-parse", "HEAD")
    assert (told["fetched"], told["parsed"]) == ("0" * 40, {"0" * 40: 1})
    assert told["next_key"] == 2
    assert [(each["sender"], each["result"]) for each in told["deliveries"]] == [("key", "fetched")]
    assert set(told["versions"]) == {"runtime", "airflow"}
    assert in_vault(vaults, KEY) not in str(told)


def test_what_is_remembered_is_bounded(client: TestClient, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEPT", 3)
    with database.begin() as session:
        for number in range(5):
            journal.accept(session, "weather", str(number), "github")
        assert [journal.was_used(session, "weather", str(number)) for number in (1, 2, 4)] == [False, True, True]
