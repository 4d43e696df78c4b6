"""Draws `docs/architecture.svg` (`python -m tests.picture`): its facts come from the recorded graph.

Numbers in circles lead from an arrow to its line in the legend. The card is opaque, so that it reads on any background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Final

from tests.picture_facts import Facts, gather

PICTURE: Final = Path(__file__).parent.parent / "docs" / "architecture.svg"
WIDTH: Final = 1000
LINE: Final = 19
"""Pixels from one line of text to the next."""

INK, QUIET, ARROW = "#1b2733", "#566573", "#2f6f9f"
CARD, CLUSTER, AZURE, BOX = "#fbfcfd", "#eaf3ea", "#e8f0f8", "#ffffff"

FONT: Final = "Helvetica, Arial, sans-serif"
NO_BREAK: Final = "_"
TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0L8 4L0 8z" fill="{ARROW}"/></marker></defs>'
)

Point = tuple[float, float]

ARROWS: Final[Sequence[tuple[Point | None, Sequence[Point]]]] = (
    ((36, 86), ((36, 58), (36, 202), (52, 202))),
    ((610, 92), ((610, 152), (610, 58))),
    ((230, 226), ((180, 210), (230, 210), (230, 250), (262, 250))),
    ((437, 262), ((474, 240), (460, 240), (460, 262), (398, 262))),
    ((330, 350), ((330, 284), (330, 500))),
    ((180, 388), ((116, 344), (116, 388), (250, 388), (250, 500))),
    ((770, 117), ((180, 166), (424, 166), (424, 117), (910, 117), (910, 178))),
    ((500, 103), ((760, 206), (706, 206), (706, 103), (438, 103), (438, 196), (182, 196))),
    ((850, 350), ((850, 268), (850, 418), (600, 418), (600, 500))),
    ((556, 388), ((556, 334), (556, 500))),
    ((666, 248), ((760, 248), (666, 248), (666, 172), (640, 172))),
    (None, ((180, 180), (230, 180), (230, 208))),
    (None, ((474, 312), (460, 312), (460, 264))),
    (None, ((640, 238), (666, 238))),
    (None, ((640, 312), (666, 312), (666, 250))),
)
"""Where an arrow's number stands, and the way of the arrow; one without a number joins that of its number."""

LEGEND: Final = (
    "people: HTTPS through the ingress, sign-in at Entra",
    "git mirror: sole holder of the team's deploy key",
    "scheduler, API server: SCRAM login of ariel_runtime",
    "processor, triggerer: SCRAM logins of the tenant's own",
    "PgBouncer: an Entra token per database role, TLS",
    "migration, reconciler: Entra tokens, direct, TLS",
    "scheduler: starts task pods by a RoleBinding in there",
    "task: Airflow's Execution API, never the database",
    "task: workload identity, on the team's vault and logs",
    "triggerer: likewise",
    "processor, triggerer, task: fetch code, no credentials",
)


def svg(facts: Facts) -> str:
    """The picture."""
    body = [
        *_outside(facts),
        *_cluster(facts),
        *_azure(facts),
        *(_arrow(way, tip=at is not None) for at, way in ARROWS),
        *(_number(number, at) for number, (at, _) in enumerate(ARROWS, start=1) if at is not None),
        *_legend(),
    ]
    rights, height = _rights(facts, 806)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" font-family="{FONT}">'
    card = f'<rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2:g}" rx="12" fill="{CARD}" stroke="{QUIET}"/>'
    title = f"<title>ariel: the platform of one stack, and its tenant {escape(facts.tenant)}</title>"
    return "\n".join([head, title, TIP, card, *body, *rights, "</svg>"]) + "\n"


def _outside(facts: Facts) -> Iterator[str]:
    yield _box(20, 18, 180, 40, "people with a browser")
    yield _box(500, 18, 204, 40, f"DAG repository of {facts.tenant}")
    yield _text(984, 34, "One tenant is shown; every", QUIET, anchor="end")
    yield _text(984, 34 + LINE, "further one adds its parts again.", QUIET, anchor="end")


def _cluster(facts: Facts) -> Iterator[str]:
    parse, tasks = f"parse-{facts.tenant}", f"tasks-{facts.tenant}"
    yield _area(16, 72, 968, 332, "", CLUSTER) + _text(64, 92, "AKS cluster, by namespace", weight="600")
    for left, width, namespace in ((28, 384, "airflow"), (452, 236, parse), (728, 244, tasks)):
        yield _area(left, 126, width, 230, namespace, BOX)
    for index, part in enumerate(facts.release):
        yield _box(52, 154 + 36 * index, 128, 30, part)
    yield _box(262, 232, 134, 52, "PgBouncer", "and its sidecar")
    yield _box(52, 284, 154, 60, *(name for name in facts.workloads["airflow"] if name != "pgbouncer"))
    # The mirror on top, next to the repository that it follows.
    for name, top in zip(sorted(facts.workloads[parse], key="git-mirror".__ne__), (152, 222, 292), strict=True):
        yield _box(474, top, 166, 42, name)
    yield _box(760, 180, 180, 88, "task pods", "quota, no network but", "what the team declares")


def _azure(facts: Facts) -> Iterator[str]:
    tenant = facts.tenant
    yield _area(16, 430, 968, 212, "", AZURE)
    yield _text(972, 450, "Azure subscription, by resource group", weight="600", anchor="end")
    places = {"network": (28, 165), "data": (203, 437), tenant: (650, 150), "platform": (810, 162)}
    for group, (left, width) in places.items():
        yield _area(left, 460, width, 170, "" if group == "data" else group, BOX)
        if group != "data":
            yield from _lines(left + 12, 502, facts.groups[group])
    yield _text(455, 479, "data", weight="600", anchor="end")
    yield _box(215, 502, 180, 52, "PostgreSQL server", "Entra sign-in only")
    yield _box(448, 502, 180, 52, f"Key Vault of {tenant}", f"logs of {tenant}")
    yield from _lines(215, 580, _wrapped(facts.groups["data"], 56))


def _legend() -> Iterator[str]:
    half = (len(LEGEND) + 1) // 2
    for index, line in enumerate(LEGEND):
        left, top = (32 if index < half else 520), 670 + LINE * (index % half)
        yield _number(index + 1, (left, top - 4.5))
        yield _text(left + 18, top, line)


def _rights(facts: Facts, top: float) -> tuple[list[str], float]:
    """The table of identities, and where it ends."""
    columns = (24, 212, 592)
    titles = ("namespace / account", "is, in Entra, the identity", "and may")
    drawn = [_text(left, top, title, weight="600") for left, title in zip(columns, titles, strict=True)]
    for account, identities, may in facts.rights:
        top += LINE + 3
        drawn += [_text(columns[0], top, account), _text(columns[1], top, identities)]
        drawn += _lines(columns[2], top, may)
        top += LINE * (len(may) - 1)
    return drawn, top + LINE


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    """The words as an enumeration in lines of at most `width` characters, none of them broken."""
    joined = wrap(", ".join(word.replace(" ", NO_BREAK) for word in words), width)
    return [line.replace(NO_BREAK, " ") for line in joined]


def _lines(left: float, top: float, lines: Sequence[str]) -> list[str]:
    return [_text(left, top + LINE * index, line) for index, line in enumerate(lines)]


def _area(left: float, top: float, width: float, height: float, title: str, fill: str) -> str:
    frame = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8" fill="{fill}" stroke="#b8c4cf"/>'
    return frame + _text(left + 12, top + 19, title, INK, weight="600")


def _box(left: float, top: float, width: float, height: float, *lines: str) -> str:
    frame = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="5" fill="#f2f5f8" stroke="#8496a6"/>'
    first = top + height / 2 + 4.5 - LINE * (len(lines) - 1) / 2
    middle = left + width / 2
    return frame + "".join(_text(middle, first + LINE * n, line, anchor="middle") for n, line in enumerate(lines))


def _text(left: float, top: float, text: str, colour: str = INK, *, anchor: str = "start", weight: str = "400") -> str:
    place = f'x="{left:g}" y="{top:g}" text-anchor="{anchor}"'
    return f'<text {place} font-size="13.5" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'


def _arrow(way: Sequence[Point], *, tip: bool) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in way)
    end = ' marker-end="url(#tip)"' if tip else ""
    return f'<polyline points="{points}" fill="none" stroke="{ARROW}" stroke-width="1.8"{end}/>'


def _number(number: int, at: Point) -> str:
    x, y = at
    disc = f'<circle cx="{x:g}" cy="{y:g}" r="9.5" fill="{ARROW}"/>'
    style = 'font-size="11.5" font-weight="700" text-anchor="middle" fill="#ffffff"'
    return f'{disc}<text x="{x:g}" y="{y + 4:g}" {style}>{number}</text>'


if __name__ == "__main__":
    PICTURE.write_text(svg(gather()), encoding="utf-8")
    print(PICTURE)
