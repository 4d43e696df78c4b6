"""What the diagnostics of a tenant say of what they found."""

from __future__ import annotations

import base64
import io
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from ariel_runtime.diagnostics.forecast import sentence
from ariel_runtime.diagnostics.gathering import gathered, refuse_failed
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
from ariel_runtime.refusal import RefusedError
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
