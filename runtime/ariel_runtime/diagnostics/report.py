"""What the diagnostics of a tenant found, and how it gets from the tasks to who reads it.

A task of the team writes it, the page `/hello/` and `ariel smoke` read it. The task is the team's own code, so the page
takes nothing for granted: what has another shape is no report.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

DAG: Final = ".diagnostics"
"""Ends the id of the DAG; the tenant's slug begins it."""
REPORT: Final = "report"
"""Its task that returns a `Report`."""

LONGEST_TEXT: Final = 300
LARGEST_PICTURE: Final = 100_000
"""Bytes of a picture: it lies in the metadata database, and one process serves the page of all teams."""
LONGEST_REPORT: Final = 2 * LARGEST_PICTURE
"""Characters of a report as JSON."""
_MOST_PARTS: Final = 30
_PNG: Final = b"\x89PNG\r\n\x1a\n"
"""How a picture begins. Source: PNG specification, 5.2."""

Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]


class State(StrEnum):
    """How a part was found. What is absent is not there by somebody's choice, which is no fault."""

    OK = "ok"
    FAILED = "failed"
    ABSENT = "absent"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class Finding(_Document):
    """What one part is like; `facts` are for programs."""

    part: Text
    state: State
    text: Text
    facts: Mapping[str, Text] = Field(default_factory=dict)


class Report(_Document):
    """All parts of one run, in words and as a picture."""

    dag_id: Text
    run_id: Text
    when: AwareDatetime
    findings: tuple[Finding, ...] = Field(max_length=_MOST_PARTS)
    text: Annotated[str, StringConstraints(max_length=_MOST_PARTS * 2 * LONGEST_TEXT)]
    picture: str
    """PNG in base64."""

    @field_validator("picture")
    @classmethod
    def _is_picture(cls, value: str) -> str:
        try:
            png = base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ValueError("a picture is base64") from None
        if not png.startswith(_PNG) or len(png) > LARGEST_PICTURE:
            raise ValueError(f"a picture is a PNG of at most {LARGEST_PICTURE} bytes")
        return value

    @property
    def png(self) -> bytes:
        return base64.b64decode(self.picture)


def failure(part: str, error: Exception) -> Finding:
    """Why a part failed, in the words of the error, without what is a secret."""
    from airflow.sdk.log import redact

    said = str(redact(f"{type(error).__name__}: {error}"))
    return Finding(part=part, state=State.FAILED, text=" ".join(said.split())[:LONGEST_TEXT])


def unanswered(part: str) -> Finding:
    """Its task returned nothing that can be read: its pod was lost, or it never ran."""
    return Finding(part=part, state=State.FAILED, text="gave no answer; its log or its pod says why")
