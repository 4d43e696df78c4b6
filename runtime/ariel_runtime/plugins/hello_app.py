"""The application behind `/hello/`: reports of the DAGs `<slug>.diagnostics` that the reader may see.

A report is the value that task `report` of such a DAG returned last (`diagnostics.report`). It comes from a tenant's
code, so its text is escaped, and its picture is served as the PNG that it begins as, in which no script runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from html import escape
from typing import Final

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from ariel_runtime.diagnostics.report import DAG, LONGEST_REPORT, REPORT, Report
from ariel_runtime.plugins.results import newest_results

_POLICY: Final = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
_PICTURE_POLICY: Final = "default-src 'none'; sandbox"
_STYLE: Final = "body{font-family:sans-serif;margin:2rem}pre{background:#f3f3f3;padding:1rem}img{max-width:100%}"

app = FastAPI(title="Hello", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/", response_class=HTMLResponse)
def hello(user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """For whoever is signed in, with the reports of the DAGs that this person may read."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user, session=session)
    reports = latest_reports(session, [dag_id for dag_id in readable if dag_id.endswith(DAG)])
    name = conf.get("api", "instance_name", fallback="") or "Airflow"
    return HTMLResponse(page(name, user.get_name(), reports), headers={"Content-Security-Policy": _POLICY})


@app.get(
    "/pictures/{dag_id}",
    dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))],
)
def picture(dag_id: str, session: SessionDep) -> Response:
    report = latest_reports(session, [dag_id] if dag_id.endswith(DAG) else []).get(dag_id)
    if report is None:
        raise HTTPException(404, "There is no report of this DAG")
    headers = {
        "Content-Security-Policy": _PICTURE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(report.png, media_type="image/png", headers=headers)


def latest_reports(session: Session, dag_ids: Iterable[str]) -> dict[str, Report]:
    """The newest report of each DAG that has one, by id."""
    found: dict[str, Report] = {}
    for dag_id in sorted(dag_ids):
        value = next(newest_results(session, dag_id, REPORT, longest=LONGEST_REPORT), None)
        with suppress(ValidationError):
            found[dag_id] = Report.model_validate(value)
    return found


def page(name: str, person: str, reports: Mapping[str, Report]) -> str:
    sections = "".join(
        f"<h2>{escape(dag_id)}</h2><pre>{escape(report.text)}</pre>"
        f'<img alt="{escape(dag_id)}" src="pictures/{escape(dag_id)}">'
        for dag_id, report in reports.items()
    )
    empty = "<p>No diagnostics have run yet: trigger a DAG whose id ends with <code>.diagnostics</code>.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Hello, {escape(person)}</h1><p>This is {escape(name)}.</p>"
        f"{sections or empty}</body></html>"
    )
