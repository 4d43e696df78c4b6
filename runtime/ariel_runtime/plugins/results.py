"""What tasks returned, for pages that show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session


def newest_results(session: Session, dag_id: str, task_id: str, most: int = 1) -> Iterator[Any]:
    """The values that the task returned, the newest first."""
    found = session.scalars(
        select(XComModel)
        .where(XComModel.dag_id == dag_id, XComModel.task_id == task_id, XComModel.key == "return_value")
        .order_by(XComModel.timestamp.desc())
        .limit(most)
    )
    for each in found:
        yield XComModel.deserialize_value(each)
