"""What tasks returned, for pages that show it to others than the task's team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.models.xcom import XComModel
from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session


def newest_results(session: Session, dag_id: str, task_id: str, *, longest: int, most: int = 1) -> Iterator[Any]:
    """The values that the task returned, as plain JSON, the newest first; none longer than that many characters.

    They are not made into objects, as Airflow does for tasks: a value can name any class to be made.
    """
    found = (
        select(XComModel.value)
        .where(XComModel.dag_id == dag_id, XComModel.task_id == task_id, XComModel.key == "return_value")
        .where(func.length(cast(XComModel.value, Text)) <= longest)
        .order_by(XComModel.timestamp.desc())
        .limit(most)
    )
    try:
        yield from session.scalars(found).all()
    except RecursionError:
        # One of them is nested deeper than can be read.
        return
