"""`ariel smoke`: that it calls nothing well which is not, and says what to do."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import console, smoke, versions
from cli.app import app
from cli.platform import PlatformError, Run
from cli.versions import RUNTIME, Version
from stacks.errors import Problem
from stacks.versions import AIRFLOW

PNG = b"\x89PNG\r\n\x1a\n of weather"
RUN = Run("weather.diagnostics", "manual__1", "success", "2026-11-21T12:00:00Z")
BLOB = "https://logs.blob.core.windows.net/logs-weather/dag_id=weather.diagnostics/attempt=1.log"
TASK = "/api/v2/dags/weather.diagnostics/dagRuns/manual__1/taskInstances"
XCOM, LOG = f"{TASK}/report/xcomEntries/return_value", f"{TASK}/execution/logs/1"
WEBHOOK = "/ariel/webhook/weather"
PICTURE = "/hello/pictures/weather.diagnostics"
SECRET = {"part": "secret", "state": "absent", "text": "not set", "facts": {}}
OTHERS: list[dict[str, Any]] = [
    {"part": part, "state": "ok", "text": "well", "facts": {}}
    for part in smoke.PARTS
    if part not in ("execution", "secret")
]


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def execution(**facts: str) -> dict[str, Any]:
    known = {"when": ago(minutes=1), "airflow": AIRFLOW, "runtime": RUNTIME, **facts}
    return {"part": "execution", "state": "ok", "text": "in a pod", "facts": known}


def report(*instead: Mapping[str, Any], when: str | None = None, **facts: str) -> dict[str, Any]:
    return {
        "when": when or ago(minutes=1),
        "findings": list({each["part"]: each for each in (execution(**facts), SECRET, *OTHERS, *instead)}.values()),
        "text": "weather <b>",
        "picture": base64.b64encode(PNG).decode(),
    }


class Api:
    """A platform on which all is well, but for what a test changes."""

    def __init__(self) -> None:
        self.ended = RUN
        self.pages = {"/hello/": escape("weather <b>").encode(), PICTURE: PNG}
        self.answers: dict[str, Any] = {
            "/api/v2/version": {"version": AIRFLOW},
            XCOM: {"value": report()},
            LOG: {"content": [{"event": "::group::"}, {"event": BLOB}, {"event": f"execution of {RUN.run_id}: ok"}]},
            WEBHOOK: {"versions": {"airflow": AIRFLOW, "runtime": RUNTIME}, "mirror": {"version": RUNTIME}},
        }

    def until_ready(self) -> None:
        """It is."""

    def run(self, dag_id: str) -> Run:
        assert dag_id == "weather.diagnostics"
        return self.ended

    def answer(self, _: str, path: str) -> httpx.Response:
        return httpx.Response(200, content=self.pages[path])

    def call(self, _: str, path: str, **__: Any) -> Any:
        if isinstance(found := self.answers[path], Exception):
            raise found
        return found


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    settings = SimpleNamespace(tenants={"weather": None})
    session = SimpleNamespace(running_platform=lambda: made, platform=made, settings=settings, sandbox=None)
    monkeypatch.setattr(smoke, "open_session", lambda _: session)
    monkeypatch.setattr(smoke, "_LOG_SECONDS", 0)
    image = Version(part="airflow/api-server", found="r/airflow:1", pinned="r/airflow:1")
    monkeypatch.setattr(versions, "of_images", lambda *_: iter([image]))
    return made


def asked() -> tuple[Result, dict[tuple[str, str], dict[str, str]]]:
    """The command's result, and its checks by tenant and part."""
    result = CliRunner().invoke(app, ["smoke", "--json"])
    return result, {(each["tenant"], each["part"]): each for each in json.loads(result.stdout)["checks"]}


def test_where_all_is_well_every_part_is_told_and_the_exit_is_0(api: Api) -> None:
    result, checks = asked()
    assert result.exit_code == 0, result.stdout
    assert {key: each["state"] for key, each in checks.items()} == {
        ("platform", "api"): "ok",
        ("platform", "images"): "ok",
        ("weather", "run"): "ok",
        ("weather", "execution"): "ok",
        ("weather", "secret"): "absent",
        **{("weather", each["part"]): "ok" for each in OTHERS},
        ("weather", "executed"): "ok",
        ("weather", "picture"): "ok",
        ("weather", "page"): "ok",
        ("weather", "log"): "ok",
        ("weather", "airflow of tasks"): "ok",
        ("weather", "runtime of tasks"): "ok",
        ("weather", "airflow of webhook"): "ok",
        ("weather", "runtime of webhook"): "ok",
        ("weather", "runtime of mirror"): "ok",
    }
    assert not any(each["action"] for each in checks.values())


AWAY = PlatformError([Problem(path="api", value="502", rule="it answers", action="look")])
FAILED_PART = {"part": "identity", "state": "failed", "text": "no token", "facts": {}}
INVENTED = {"part": "identity", "state": "splendid", "text": "no token", "facts": {}}


@pytest.mark.parametrize(
    ("path", "answer", "part"),
    [
        ("/api/v2/version", {"version": "3.0.0"}, "api"),
        (XCOM, {"value": report(FAILED_PART)}, "identity"),
        (XCOM, {"value": report(INVENTED)}, "identity"),
        (XCOM, {"value": report(when=ago(minutes=11))}, "picture"),
        (XCOM, {"value": report(when="yesterday")}, "picture"),
        (XCOM, {"value": report() | {"findings": [execution(when=ago(minutes=6))]}}, "executed"),
        (XCOM, {"value": report(runtime="0.0.1")}, "runtime of tasks"),
        (XCOM, {"value": report(airflow="3.0.0")}, "airflow of tasks"),
        (XCOM, {"value": {"text": "a report of old"}}, "run"),
        (XCOM, {"value": report() | {"picture": "<svg>"}}, "run"),
        (XCOM, {}, "run"),
        (XCOM, AWAY, "run"),
        (LOG, {"content": [{"event": "http://pod:8793/log"}, {"event": f"execution of {RUN.run_id}"}]}, "log"),
        (LOG, {"content": [{"event": BLOB}, {"event": "execution of manual__0: ok"}]}, "log"),
        (LOG, AWAY, "log"),
        (WEBHOOK, {"versions": {"airflow": AIRFLOW, "runtime": "0.0.1"}, "mirror": None}, "runtime of webhook"),
        (WEBHOOK, AWAY, "webhook"),
    ],
)
def test_what_is_wrong_is_failed_with_what_to_do(api: Api, path: str, answer: Any, part: str) -> None:
    api.answers[path] = answer
    result, checks = asked()
    assert result.exit_code == 1
    found = next(each for (_, name), each in checks.items() if name == part)
    assert found["state"] == "failed"
    assert found["action"]


@pytest.mark.parametrize("part", smoke.PARTS)
def test_a_part_that_the_report_leaves_out_is_missed(api: Api, part: str) -> None:
    """Otherwise a tenant whose tasks look at less would be called well."""
    told = report()
    api.answers[XCOM] = {"value": {**told, "findings": [each for each in told["findings"] if each["part"] != part]}}
    result, checks = asked()
    assert (result.exit_code, checks["weather", part]["state"]) == (1, "failed")
    assert checks["weather", part]["action"]


def test_a_run_that_failed_is_no_success_whatever_its_report_says(api: Api) -> None:
    api.ended = Run(RUN.dag_id, RUN.run_id, "failed", RUN.at)
    result, checks = asked()
    assert (result.exit_code, checks["weather", "run"]["state"]) == (1, "failed")


@pytest.mark.parametrize("path", ["/hello/", PICTURE])
def test_a_page_of_an_earlier_run_is_not_this_ones(api: Api, path: str) -> None:
    api.pages[path] = b"of yesterday"
    result, checks = asked()
    assert (result.exit_code, checks["weather", "page"]["state"]) == (1, "failed")
    assert path in checks["weather", "page"]["text"]


@pytest.mark.parametrize("pinned", ["r/airflow:2", None])
def test_a_pod_of_another_image_is_named(api: Api, monkeypatch: pytest.MonkeyPatch, pinned: str | None) -> None:
    image = Version(part="airflow/api-server", found="r/airflow:1", pinned=pinned)
    monkeypatch.setattr(versions, "of_images", lambda *_: iter([image]))
    result, checks = asked()
    assert (result.exit_code, checks["platform", "airflow/api-server"]["state"]) == (1, "failed")


def test_no_pod_at_all_is_not_well(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "of_images", lambda *_: iter([]))
    assert asked()[0].exit_code == 1


def test_a_person_reads_a_table(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=written, width=200))
    api.answers[XCOM] = {"value": report(FAILED_PART)}
    assert CliRunner().invoke(app, ["smoke", "--env", "local"]).exit_code == 1
    for word in ("what works in local", "no token", "absent"):
        assert word in written.getvalue()
