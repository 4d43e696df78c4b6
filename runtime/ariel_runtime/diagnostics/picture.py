"""The annotated picture of a run: icon upper left, annotation and time stamp upper centre, a row for each part."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from ariel_runtime.diagnostics.report import Finding, State

WIDTH: Final = 800
"""Pixels, as all lengths here."""
_HEAD: Final = 96
_ROW: Final = 26
_MARGIN: Final = 16
_TEXT_AT: Final = 130
_INK: Final = "#222222"
_FAINT: Final = "#666666"
_PAPER: Final = "#ffffff"
_COLOURS: Final = {State.OK: "#2f7d32", State.FAILED: "#c4472b", State.ABSENT: "#8a8a8a"}
_SUN: Final = "#f2b632"
_CLOUD: Final = "#b9c7d4"


def drawn(annotation: str, stamp: str, findings: Sequence[Finding]) -> bytes:
    """PNG. A line that is too long for the picture is cut: the page has the text beside it."""
    image = Image.new("RGB", (WIDTH, _HEAD + _ROW * len(findings) + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(image)
    _icon(draw)
    for y, text, size, colour in ((32, annotation, 22, _INK), (62, stamp, 16, _FAINT)):
        font = ImageFont.load_default(size)
        draw.text((WIDTH / 2, y), _cut(text, font, WIDTH - 2 * _HEAD), colour, font, anchor="mm")
    for number, finding in enumerate(findings):
        _row(draw, _HEAD + number * _ROW, finding)
    saved = io.BytesIO()
    # Few colours: a palette makes it a tenth of the size.
    image.quantize(64).save(saved, "PNG", optimize=True)
    return saved.getvalue()


def _icon(draw: ImageDraw.ImageDraw) -> None:
    """A sun behind a cloud."""
    draw.ellipse((20, 14, 64, 58), _SUN)
    for box in ((28, 42, 58, 72), (42, 32, 74, 64), (60, 46, 86, 72)):
        draw.ellipse(box, _CLOUD)
    draw.rectangle((43, 54, 73, 72), _CLOUD)


def _row(draw: ImageDraw.ImageDraw, y: int, finding: Finding) -> None:
    font, middle = ImageFont.load_default(14), y + _ROW / 2
    colour = _COLOURS[finding.state]
    draw.ellipse((_MARGIN, middle - 6, _MARGIN + 12, middle + 6), colour)
    draw.text((_MARGIN + 22, middle), _cut(finding.part, font, _TEXT_AT - 50), _INK, font, anchor="lm")
    text = _cut(finding.text, font, WIDTH - _TEXT_AT - _MARGIN)
    draw.text(
        (_TEXT_AT, middle), text, _INK if finding.state is State.OK else _COLOURS[finding.state], font, anchor="lm"
    )


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """As much of its first line as fits."""
    line = text.partition("\n")[0]
    if font.getlength(line) <= width:
        return line
    most = bisect_right(range(len(line)), width, key=lambda length: font.getlength(f"{line[:length]}...")) - 1
    return f"{line[: max(most, 0)]}..."
