"""The page `/ariel/secrets/` as HTML.

Reports and tests come from a team's own code, so every text is escaped, and what is shown of them is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

from fastapi.responses import HTMLResponse

from ariel_runtime.checks.finding import State
from ariel_runtime.plugins import team_page
from ariel_runtime.plugins.secrets_known import Known
from ariel_runtime.plugins.secrets_rows import MOST_PLACES, Row, rows
from ariel_runtime.registry import Tenant
from ariel_runtime.secrets.names import Kind
from ariel_runtime.secrets.report import DAG

_MOST_ROWS: Final = 2000
_REFRESH_SECONDS: Final = 5
_BAD: Final = (State.MISSING, State.BROKEN)
_COLUMNS: Final = ("kind", "id", "type", "a task finds it in", "set", "expires", "named in", "last test")


def page(seen: Sequence[Tenant], known: Known | None) -> HTMLResponse:
    """Of the team that is `known`, with links to all that the reader may see."""
    body = _team(known) if known else "<p>You may see the secrets of no team.</p>"
    body += "<p><small>By name; nothing shows a value.</small></p>"
    seconds = _REFRESH_SECONDS if known and known.is_running else 0
    return team_page.answer("Secrets", seen, body, refresh_seconds=seconds)


def _team(known: Known) -> str:
    tenant = known.tenant
    head = f"<h2>{escape(tenant.team)}</h2><p>Vault <code>{escape(tenant.vault.url)}</code></p>"
    if known.fault:
        head += f'<p class="bad">The vault does not answer: {escape(known.fault)}</p>'
    found = rows(known)
    if not found:
        command = f"ariel secrets set connection ID --tenant {tenant.slug}"
        return f"{head}{_of_report(known)}<p>No secrets yet: <code>{escape(command)}</code></p>"
    columns = "".join(f"<th>{each}" for each in _COLUMNS)
    lines = "".join(_row(each, known) for each in found[:_MOST_ROWS])
    more = f"<p>{len(found) - _MOST_ROWS} more are not shown.</p>" if len(found) > _MOST_ROWS else ""
    return f"{head}{_of_report(known)}<table><tr>{columns}</tr>{lines}</table>{more}{_cannot_tell(known)}"


def _of_report(known: Known) -> str:
    """What the repository says comes from a DAG in it; how to get it, or how old it is."""
    dag_id = f"{known.tenant.slug}{DAG}"
    if not known.has_dag:
        call = f'connections_dag("{known.tenant.slug}")'
        return (
            f"<p>What the team's DAGs name is not known, and no connection can be tested: the repository has no DAG "
            f"<code>{escape(dag_id)}</code>. Add it by <code>{escape(call)}</code> of "
            "<code>ariel_runtime.secrets.connections_dag</code>.</p>"
        )
    if known.is_paused:
        return f"<p>The team's repository is not read: its DAG <code>{escape(dag_id)}</code> is paused.</p>"
    said = f"read at revision {escape(known.report.revision[:12])}." if known.report else "not read yet."
    button = "It is being read now." if known.is_running else _button(known.tenant.team, "Read the repository anew")
    return f"<p>The team's repository: {said} {button}</p>"


def _row(row: Row, known: Known) -> str:
    entry = row.entry
    when = [_moment(each) for each in (entry.updated, entry.expires)] if entry else ["", ""]
    mark = ' class="bad"' if row.state in _BAD else ""
    place = f"{row.state}: {row.place}" if row.state in _BAD else row.place
    places = "<br>".join(map(escape, row.named_in[:MOST_PLACES]))
    if len(row.named_in) > MOST_PLACES:
        places += f"<br>and {len(row.named_in) - MOST_PLACES} more"
    cells = [row.kind, row.id, row.type]
    return (
        f"<tr>{''.join(f'<td>{escape(cell)}' for cell in cells)}<td{mark}>{escape(place)}"
        f"{''.join(f'<td>{cell}' for cell in when)}<td>{places}<td>{_test(row, known)}</tr>"
    )


def _moment(when: datetime | None) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if when else ""


def _test(row: Row, known: Known) -> str:
    if row.kind != Kind.CONNECTION or row.state in _BAD:
        return ""
    last = ""
    if row.test:
        mark, word = ("good", "reached") if row.test.ok else ("bad", "failed")
        last = (
            f'<span class="{mark}">{word}</span> {escape(row.test.host)} '
            f"<small>{_moment(row.test.when)}<br>{escape(row.test.text)}</small> "
        )
    can = known.has_dag and not known.is_paused and not known.is_running
    return last + (_button(known.tenant.team, "Test", row.id) if can else "")


def _button(team: str, text: str, conn_id: str = "") -> str:
    asked = f"?connection={quote(conn_id, safe='')}" if conn_id else ""
    action = f"{quote(team, safe='')}/runs{asked}"
    return f'<form method="post" action="{action}"><button>{escape(text)}</button></form>'


def _cannot_tell(known: Known) -> str:
    lines = list(_puzzles(known))
    return f"<h3>Cannot tell</h3><ul>{''.join(f'<li>{escape(line)}' for line in lines)}</ul>" if lines else ""


def _puzzles(known: Known) -> Iterator[str]:
    if known.report:
        for unknown in known.report.unknown[:_MOST_ROWS]:
            yield f"{unknown.file}:{unknown.line} names a {unknown.kind} that only a run would tell: {unknown.text}"
        for broken in known.report.broken[:_MOST_ROWS]:
            yield f"{broken.file} cannot be imported: {broken.text}"
