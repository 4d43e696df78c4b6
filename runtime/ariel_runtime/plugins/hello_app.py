"""The application behind `/hello/`: reports of the DAGs `<slug>.diagnostics` that the reader may see.

A report is the value that task `report` of such a DAG returned last: `text`, and `picture` as SVG. Both come from a
tenant's code, so the text is escaped, and the picture is shown as an image, in which no script runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from ariel_runtime.plugins.results import newest_results

_DAG: Final = ".diagnostics"
_TASK: Final = "report"
_LONGEST: Final = 1_000_000
"""Characters of a report as JSON."""
_POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_STYLE: Final = "body{font-family:sans-serif;margin:2rem}pre{background:#f3f3f3;padding:1rem}img{max-width:100%}"

app = FastAPI(title="Hello", docs_url=None, redoc_url=None, openapi_url=None)


@dataclass(frozen=True)
class Report:
    dag_id: str
    text: str
    picture: str


@app.get("/", response_class=HTMLResponse)
def hello(user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """For whoever is signed in, with the reports of the DAGs that this person may read."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, session=session)
    reports = latest_reports(session, [dag_id for dag_id in readable if dag_id.endswith(_DAG)])
    name = conf.get("api", "instance_name", fallback="") or "Airflow"
    return HTMLResponse(page(name, user.get_name(), reports), headers={"Content-Security-Policy": _POLICY})


@app.get(
    "/pictures/{dag_id}",
    dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))],
)
def picture(dag_id: str, session: SessionDep) -> Response:
    reports = latest_reports(session, [dag_id] if dag_id.endswith(_DAG) else [])
    if not reports:
        raise HTTPException(404, "There is no report of this DAG")
    headers = {
        "Content-Security-Policy": _PICTURE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(reports[0].picture, media_type="image/svg+xml", headers=headers)


def latest_reports(session: Session, dag_ids: list[str]) -> list[Report]:
    """The newest report of each DAG that has one, by id."""
    found: dict[str, Report] = {}
    for dag_id in sorted(dag_ids):
        value = next(newest_results(session, dag_id, _TASK, longest=_LONGEST), None)
        if isinstance(value, dict):
            found[dag_id] = Report(dag_id, str(value.get("text", "")), str(value.get("picture", "")))
    return list(found.values())


def page(name: str, person: str, reports: list[Report]) -> str:
    sections = "".join(
        f"<h2>{escape(report.dag_id)}</h2><pre>{escape(report.text)}</pre>"
        f'<img alt="{escape(report.dag_id)}" src="pictures/{escape(report.dag_id)}">'
        for report in reports
    )
    empty = "<p>No diagnostics have run yet: trigger a DAG whose id ends with <code>.diagnostics</code>.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Hello, {escape(person)}</h1><p>This is {escape(name)}.</p>"
        f"{sections or empty}</body></html>"
    )
