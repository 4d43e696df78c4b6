"""What the diagnostics of a tenant say of what they found."""

from __future__ import annotations

import base64
import inspect
import io
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ariel_runtime.diagnostics.forecast import sentence
from ariel_runtime.diagnostics.gathering import gathered, refuse_failed
from ariel_runtime.diagnostics.isolation import isolated_of, seen
from ariel_runtime.diagnostics.notification import notification
from ariel_runtime.diagnostics.parts import demonstration_of, identity_of
from ariel_runtime.diagnostics.picture import WIDTH, drawn
from ariel_runtime.diagnostics.report import (
    LARGEST_PICTURE,
    LONGEST_REPORT,
    LONGEST_TEXT,
    Finding,
    Report,
    State,
    failure,
)
from ariel_runtime.isolated.package import of_function
from ariel_runtime.isolated.process import Process
from ariel_runtime.notifications.routes import ALERTS, as_variable
from ariel_runtime.refusal import RefusedError
from ariel_runtime.registry import Alerts
from PIL import Image

WHEN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EXECUTION = {"part": "execution", "state": "ok", "text": "in a pod", "facts": {"run": "manual__1"}}
PASSWORD = "correct-horse"  # noqa: S105 - of no one


def report(**found: Any) -> Report:
    return gathered(
        dag_id="weather.diagnostics",
        run_id="manual__1",
        environment="ariel local",
        when=WHEN,
        found={"execution": EXECUTION, **found},
    )


def states(found: Report) -> dict[str, str]:
    return {each.part: each.state.value for each in found.findings}


def test_a_report_says_where_and_when_and_survives_the_database() -> None:
    found = report()
    assert found.text.splitlines()[:2] == [
        "ariel local: weather.diagnostics ran at 2026-11-21 12:00:00 UTC.",
        "execution: in a pod",
    ]
    assert Report.model_validate(found.model_dump(mode="json")) == found
    refuse_failed(found)


@pytest.mark.parametrize("value", [None, "text", {"part": "identity"}, {**EXECUTION, "state": "perhaps"}])
def test_a_part_that_gives_no_answer_has_failed(value: Any) -> None:
    """Its pod may be lost, and nothing would be red."""
    found = report(identity=value)
    assert states(found) == {"execution": "ok", "identity": "failed", "xcom": "ok"}
    with pytest.raises(RefusedError, match="identity"):
        refuse_failed(found)


@pytest.mark.parametrize("value", [{**EXECUTION, "facts": {"run": "manual__0"}}, {**EXECUTION, "facts": {}}, None])
def test_what_another_run_wrote_is_no_proof_of_xcom(value: Any) -> None:
    assert states(report(execution=value))["xcom"] == "failed"


def test_what_is_absent_fails_nothing() -> None:
    found = report(secret={"part": "secret", "state": "absent", "text": "not set"})
    assert "secret: ABSENT: not set" in found.text
    refuse_failed(found)


def test_a_failure_is_told_in_one_line_without_a_secret() -> None:
    from airflow.sdk.log import mask_secret

    mask_secret(PASSWORD)
    told = failure("identity", ValueError(f"refused\n  {PASSWORD}" + "x" * 1000))
    assert told.text.startswith("ValueError: refused *** xxx") or told.text.startswith("ValueError: refused ***xxx")
    assert (told.state, len(told.text)) == (State.FAILED, LONGEST_TEXT)


def test_a_token_of_the_node_is_not_taken_for_the_tasks() -> None:
    claims = {"appid": "own", "oid": "o", "sub": "s", "tid": "t"}
    assert identity_of(claims, "own").text == "client own, object o, subject s, directory t"
    for expected in ("other", None):
        with pytest.raises(RefusedError, match="pod's own identity"):
            identity_of(claims, expected)
    with pytest.raises(RefusedError, match="pod's own identity"):
        identity_of({}, "own")


def test_a_secret_of_another_environment_is_found_out_and_none_is_shown() -> None:
    assert demonstration_of(f"{PASSWORD} of local", "local").text == "22 characters, which name local"
    with pytest.raises(RefusedError, match="<21 characters>") as refused:
        demonstration_of(f"{PASSWORD} of prod", "local".upper())
    assert PASSWORD not in str(refused.value)


def test_a_function_in_another_process_is_told_from_one_in_airflows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs beside Airflow's token could use it."""
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS", PASSWORD)
    given = {"args": [], "kwargs": {"run_id": "manual__1"}, "root": str(tmp_path)}
    script = of_function("seen", inspect.getsource(seen))
    apart = isolated_of(Process("python3", print).run(script, json.dumps(given)), "manual__1")
    assert (apart.state, apart.facts["interpreter"] in apart.text) == (State.OK, True)
    beside = isolated_of(seen("manual__1"), "manual__1")
    assert beside.state is State.FAILED
    assert beside.text.startswith("it is Airflow's own process; it has Airflow's variables AIRFLOW")
    assert PASSWORD not in beside.text


SEEN = {"run": "manual__1", "interpreter": "/usr/bin/python3", "python": "3.13.5", "process": 57}
APART = {**SEEN, "imported": False, "variables": []}


@pytest.mark.parametrize("value", [None, "text", {}, {**APART, "interpreter": "x" * 1000}, {**APART, "process": "?"}])
def test_an_isolated_task_that_returns_nothing_of_use_has_failed(value: Any) -> None:
    assert isolated_of(APART, "manual__1").state is State.OK
    assert isolated_of(value, "manual__1").text.startswith("gave no answer")


def test_what_an_isolated_task_was_not_given_is_missed() -> None:
    assert isolated_of(APART, "manual__2").text == "it was given 'manual__1' instead of 'manual__2'"


def would_say(monkeypatch: pytest.MonkeyPatch, alerts: Alerts | None, *tags: str) -> Finding:
    monkeypatch.setenv("AIRFLOW__API__INSTANCE_NAME", "dev")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/")
    if alerts:
        monkeypatch.setenv(ALERTS, as_variable(alerts))
    names = {"dag_id": "weather.diagnostics", "run_id": "manual__1", "task_id": "report", "log_url": "https://log"}
    return notification(SimpleNamespace(**names, task=SimpleNamespace(dag=SimpleNamespace(tags=set(tags)))))


SLACK = Alerts(channel="slack", target="#weather", pager="#on-call")


def connect(monkeypatch: pytest.MonkeyPatch, *ids: str) -> None:
    for each in ids:
        monkeypatch.setenv(f"AIRFLOW_CONN_{each.upper()}", json.dumps({"conn_type": "slack", "password": PASSWORD}))


def test_a_team_knows_what_it_would_hear_and_that_it_could_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(monkeypatch, "alerts", "alerts_pager")
    found = would_say(monkeypatch, SLACK, "diagnostics")
    by = "slack by alerts (slack), alerts_pager (slack)"
    assert (found.state, found.text) == (
        State.OK,
        f"{by}, not sent: weather.diagnostics failed in dev: a task failed",
    )
    printed = capsys.readouterr().out
    assert printed.splitlines()[1:] == [
        "weather.diagnostics failed in dev: a task failed",
        "Run: manual__1",
        "Failed tasks: report",
        "https://airflow.example.org/dags/weather.diagnostics/runs/manual__1",
        "Log: https://log",
    ]
    assert PASSWORD not in printed + found.model_dump_json()


@pytest.mark.parametrize(("there", "missing"), [((), "alerts"), (("alerts",), "alerts_pager")])
def test_a_channel_without_its_connection_is_said_to_be_heard_by_nobody(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], missing: str
) -> None:
    """Also the pager's: that it is missing would show at a critical failure."""
    connect(monkeypatch, *there)
    found = would_say(monkeypatch, SLACK)
    assert found.state is State.ABSENT
    assert found.text.endswith(f"nobody would hear: `ariel secrets set connection {missing}`")


def test_who_has_no_channel_or_asks_for_silence_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for alerts, tags, text in ((None, (), "`tenants.weather.alerts`"), (SLACK, ("alert:none",), "silence")):
        found = would_say(monkeypatch, alerts, *tags)
        assert (found.state, text in found.text) == (State.ABSENT, True)


def test_the_picture_has_icon_annotation_and_stamp_where_people_look_for_them() -> None:
    image = Image.open(io.BytesIO(drawn("weather.diagnostics in local", "2026-11-21", []))).convert("L")
    ink = image.point(lambda value: 255 if value < 250 else 0)
    upper_left, upper_centre, upper_right = (
        ink.crop(box).getbbox() for box in ((0, 0, 100, 96), (100, 0, WIDTH - 100, 96), (WIDTH - 100, 0, WIDTH, 96))
    )
    assert upper_left
    assert upper_centre
    assert upper_right is None
    left, _, right, _ = upper_centre
    assert abs((left + right) / 2 - (WIDTH / 2 - 100)) < 3, "the annotation is not in the middle"


def test_two_times_make_two_pictures() -> None:
    assert drawn("x", "12:00", []) != drawn("x", "12:01", [])


def test_the_largest_report_fits_into_what_the_page_reads() -> None:
    letters = random.Random(1)  # noqa: S311 - for what compresses badly
    noise = ["".join(chr(letters.randrange(33, 1000)) for _ in range(LONGEST_TEXT)) for _ in range(29)]
    parts = {f"part{n}": {"part": f"part{n}", "state": "failed", "text": text} for n, text in enumerate(noise[:27])}
    found = report(**parts)
    assert len(found.png) < LARGEST_PICTURE / 2
    assert len(found.model_dump_json()) < LONGEST_REPORT


def test_a_line_that_is_too_long_stays_in_the_picture() -> None:
    finding = Finding(part="p" * 100, state=State.FAILED, text="w" * LONGEST_TEXT)
    image = Image.open(io.BytesIO(drawn("a" * 300, "now", [finding]))).convert("L")
    box = image.point(lambda value: 255 if value < 250 else 0).getbbox()
    assert box is not None
    assert box[2] < WIDTH - 8


@pytest.mark.parametrize("answer", [{}, {"daily": {}}, {"daily": {"time": []}}, ["x"], None])
def test_what_is_no_forecast_is_not_shown_as_one(answer: Any) -> None:
    with pytest.raises(RefusedError, match=r"api\.open-meteo\.com"):
        sentence("Hamburg", answer)


def test_a_report_without_a_picture_is_none() -> None:
    document = report().model_dump(mode="json")
    for picture in ("", "no base64!", base64.b64encode(b"<svg/>").decode()):
        with pytest.raises(ValueError, match="a picture is"):
            Report.model_validate({**document, "picture": picture})
