"""The page `/ariel/delivery/` as HTML.

File names, import errors and what git said come from a team's own repository, so every text is escaped and bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from fastapi.responses import HTMLResponse

from ariel_runtime.delivery.arrival import Arrival
from ariel_runtime.plugins import team_page
from ariel_runtime.registry import Tenant

_SHORT: Final = 12
"""Characters of a revision."""
_LONGEST: Final = 2000
"""Characters of a text that is not ours."""


def page(seen: Sequence[Tenant], tenant: Tenant | None, found: Arrival | None) -> HTMLResponse:
    """Of one team, with links to all that the reader may see."""
    body = _team(tenant, found) if tenant and found else "<p>You may see the deliveries of no team.</p>"
    return team_page.answer("Delivery", seen, body)


def _team(tenant: Tenant, found: Arrival) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    return (
        f"<h2>{escape(tenant.team)}</h2><p>Branch <code>{escape(tenant.repository.branch)}</code>. "
        f"Versions: {escape(versions)}.</p>{_way(found)}{_failures(found)}{_deliveries(tenant, found)}"
    )


def _way(found: Arrival) -> str:
    """From the git host to the DAGs in the database, one line per station."""
    served = found.mirror
    failed = found.fault or (served.error if served else "")
    parsed = [
        f"<code>{_revision(revision)}</code> {number} DAG{'s' if number != 1 else ''}"
        for revision, number in sorted(found.parsed.items())
    ]
    stations = (
        ("git mirror", _code(served.commit if served else None), _moment(served.fetched if served else None), failed),
        ("DAG processor: fetched", _code(found.fetched), _moment(found.looked), ""),
        ("DAG processor: parsed", "<br>".join(parsed) or "nothing yet", _moment(found.parsed_at), ""),
    )
    rows = [
        f"<td>{escape(name)}<td>{revision}<td>{when}<td class=bad>{_bounded(error)}"
        for name, revision, when, error in stations
    ]
    return _table(("delivered by", "revision", "when", "error"), rows)


def _failures(found: Arrival) -> str:
    parts = [
        f"<h4><code>{_bounded(each.file)}</code> {_moment(each.at)}</h4><pre>{_bounded(each.text)}</pre>"
        for each in found.failures
    ]
    return f'<h3 class="bad">Cannot be imported</h3>{"".join(parts)}' if parts else ""


def _deliveries(tenant: Tenant, found: Arrival) -> str:
    if found.next_key is None:
        command = f"ariel webhook issue --tenant {tenant.slug}"
        return f"<h3>Webhook</h3><p>No key was issued yet: <code>{escape(command)}</code></p>"
    rows = [
        f"<td>{_moment(each.at)}<td>{escape(each.sender)}<td>{_code(each.revision)}<td>{_bounded(each.result)}"
        for each in found.deliveries
    ]
    head = f"<h3>Webhook</h3><p>The next key is number {found.next_key}.</p>"
    return head + (_table(("when", "by", "revision", "result"), rows) if rows else "<p>Never called.</p>")


def _table(columns: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(each)}" for each in columns)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _code(revision: str | None) -> str:
    return f"<code>{_revision(revision)}</code>" if revision else "none yet"


def _revision(revision: str) -> str:
    return escape(revision[:_SHORT]) or "none"


def _bounded(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _moment(when: datetime | None) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if when else ""
