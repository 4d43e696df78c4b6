"""What the pages about one team share: which team is shown, links to the others, style, and the answer's headers.

A page shows texts of a team's own code, so the policy lets it load and run nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from fastapi.responses import HTMLResponse

from ariel_runtime.registry import Tenant

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
}
_STYLE: Final = (
    "body{font-family:sans-serif;margin:2rem}th,td{text-align:left;vertical-align:top;padding:.3rem 1.5rem .3rem 0}"
    "tr{border-bottom:1px solid #ddd}table{border-collapse:collapse}nav a{margin-right:1rem}form{display:inline}"
    ".bad{color:#b00020;font-weight:bold}.good{color:#1b6e2e}small{color:#555}"
    "pre,code{background:#f3f3f3}pre{padding:.5rem;overflow:auto}"
)


def chosen(seen: Sequence[Tenant], team: str) -> Tenant | None:
    """That team's tenant of those that the reader may see; the first of them, where the team is not among them."""
    return next((tenant for tenant in seen if tenant.team == team), seen[0] if seen else None)


def answer(title: str, seen: Sequence[Tenant], body: str, *, refresh_seconds: int = 0) -> HTMLResponse:
    """The page of this body, which is HTML, with links to all teams that the reader may see."""
    refresh = f'<meta http-equiv="refresh" content="{refresh_seconds}">' if refresh_seconds else ""
    teams = [tenant.team for tenant in seen] if len(seen) > 1 else []
    links = "".join(f'<a href="?team={quote(team)}">{escape(team)}</a>' for team in teams)
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}<title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><nav>{links}</nav>{body}</body></html>"
    )
    return HTMLResponse(text.encode(errors="replace"), headers=_HEADERS)
