"""A message on its way: Airflow's own trigger for calls, the providers' real requests, receivers on this machine."""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar

import pytest
from airflow.triggers.callback import CallbackTrigger
from ariel_runtime.notifications import delivery
from ariel_runtime.notifications.listener import DELIVER
from ariel_runtime.notifications.message import Kind, message

from tests.http_receiver import Receiver, receiver

SECRET = "T00000000/B00000000/a-secret-of-the-team"  # noqa: S105


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    monkeypatch.setattr(delivery, "_PAUSE_SECONDS", 0)
    server.requests.clear()
    server.refusals = 0


def of(kind: Kind, run_id: str = "manual__1") -> dict[str, Any]:
    made = message(
        kind,
        team="weather",
        environment="dev",
        base_url="https://airflow.example.org",
        dag_id="weather.report",
        run_id=run_id,
        reason="success" if kind is Kind.SUCCESS else "task_failure",
        failed_tasks=[] if kind is Kind.SUCCESS else ["fetch"],
        log_url=None,
    )
    return asdict(made)


def connect(monkeypatch: pytest.MonkeyPatch, connection_id: str, **fields: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(fields))


def sent(channel: str, said: dict[str, Any], **targets: str) -> dict[str, Any]:
    """The last event of the trigger that the scheduler leaves, run as the triggerer runs it."""
    trigger = CallbackTrigger(DELIVER, {"channel": channel, "message": said, "targets": targets})

    async def last() -> dict[str, Any]:
        return [event.payload async for event in trigger.run()][-1]

    return asyncio.run(last())


def by_webhook(monkeypatch: pytest.MonkeyPatch, server: Receiver, connection_id: str = "alerts") -> None:
    connect(monkeypatch, connection_id, conn_type="slackwebhook", host=f"{server.url}/services", password=SECRET)


def test_slack_hears_of_a_failure_by_the_teams_webhook(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    by_webhook(monkeypatch, server)
    assert sent("slack", of(Kind.FAILURE), alerts="#weather")["state"] == "success"
    (request,) = server.requests
    assert request.path == f"/services/{SECRET}"
    assert request.body["text"].splitlines()[0] == "weather.report failed in dev: a task failed"
    assert request.body["text"].splitlines()[-1] == "https://airflow.example.org/dags/weather.report/runs/manual__1"


def test_slack_hears_of_a_failure_by_a_token_in_the_channel_that_was_named(
    monkeypatch: pytest.MonkeyPatch, server: Receiver
) -> None:
    extra = {"base_url": f"{server.url}/api/"}
    connect(monkeypatch, "alerts", conn_type="slack", password=SECRET, extra=extra)
    assert sent("slack", of(Kind.SUCCESS), alerts="#model")["state"] == "success"
    (request,) = server.requests
    assert (request.path, request.authorization) == ("/api/chat.postMessage", f"Bearer {SECRET}")
    assert request.body["channel"] == "#model"
    assert request.body["text"].startswith("weather.report succeeded in dev\n")


def test_a_critical_failure_calls_everybody_and_the_pager(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    by_webhook(monkeypatch, server)
    by_webhook(monkeypatch, server, "alerts_pager")
    assert sent("slack", of(Kind.CRITICAL), alerts="#weather", alerts_pager="#on-call")["state"] == "success"
    assert len(server.requests) == 2
    assert all(request.body["text"].startswith("<!channel> weather.report failed") for request in server.requests)


def test_who_names_a_run_calls_nobody_by_it(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    """A run's id is whatever its starter writes; Slack would take it for a mention or a link."""
    by_webhook(monkeypatch, server)
    sent("slack", of(Kind.FAILURE, run_id="<!channel> & <https://evil.example|log>"), alerts="#weather")
    text = server.requests[0].body["text"]
    assert "Run: &lt;!channel&gt; &amp; &lt;https://evil.example|log&gt;" in text


def test_a_webhook_gets_the_message_as_it_is(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    connect(monkeypatch, "alerts", conn_type="http", schema="http", host="127.0.0.1", port=server.port, password=SECRET)
    assert sent("webhook", of(Kind.FAILURE), alerts="/alerts/weather")["state"] == "success"
    (request,) = server.requests
    assert (request.path, request.authorization) == ("/alerts/weather", f"Bearer {SECRET}")
    assert request.body == of(Kind.FAILURE)


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to leave one mail."""

    letters: ClassVar[list[str]] = []

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ")[0].upper()
            if word == "DATA":
                self._say("354 go on")
                self.letters.append(self._letter())
            self._say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return

    def _letter(self) -> str:
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        return "".join(lines)

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


def test_a_mail_says_it_in_its_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.org"}
        port = server.server_address[1]
        connect(monkeypatch, "alerts", conn_type="smtp", host="127.0.0.1", port=port, extra=extra)
        ended = sent("email", of(Kind.FAILURE), alerts="weather@example.org")
        server.shutdown()
    assert ended["state"] == "success", ended
    (letter,) = Mail.letters
    assert "Subject: weather.report failed in dev: a task failed" in letter
    assert "To: weather@example.org" in letter


def test_a_channel_that_is_away_for_a_moment_still_gets_it(monkeypatch: pytest.MonkeyPatch, server: Receiver) -> None:
    by_webhook(monkeypatch, server)
    server.refusals = 2
    assert sent("slack", of(Kind.FAILURE), alerts="#weather")["state"] == "success"
    assert len(server.requests) == 3


def test_a_pager_is_called_though_the_teams_channel_is_not_there(
    monkeypatch: pytest.MonkeyPatch, server: Receiver
) -> None:
    by_webhook(monkeypatch, server, "alerts_pager")
    ended = sent("slack", of(Kind.CRITICAL), alerts="#weather", alerts_pager="#on-call")
    assert len(server.requests) == 1
    assert ended["state"] == "failed"
    assert "slack to #weather by connection alerts: AirflowNotFoundException" in ended["body"]


def test_a_channel_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_SECONDS", 0.05)

    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)
            threading.Event().wait(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connect(monkeypatch, "alerts", conn_type="http", schema="http", host="127.0.0.1", port=server.server_address[1])
        ended = sent("webhook", of(Kind.FAILURE), alerts="/")
        server.shutdown()
    assert "TimeoutError" in ended["body"]


@pytest.mark.parametrize("address", ["http://[", "https://hooks.invalid:port"])
def test_what_went_wrong_is_told_without_the_webhooks_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    """Clients like to quote the address that they were given, and Slack's is the secret."""
    connect(monkeypatch, "alerts", conn_type="slackwebhook", host=f"{address}/services", password=SECRET)
    ended = sent("slack", of(Kind.FAILURE), alerts="#weather")
    assert ended["state"] == "failed"
    assert SECRET not in ended["body"] + caplog.text
    assert "slack to #weather by connection alerts" in ended["body"]
