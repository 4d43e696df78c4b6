"""Airflow's tables in memory, for pages that read them."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from airflow import settings
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine, event
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

_RUN_IDS = count(1)


def metadata_tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Empty ones, which every session of Airflow uses while the test runs; returns what makes sessions."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    import_all_models()
    Base.metadata.create_all(engine)
    session_of = sessionmaker(engine)
    for name in ("Session", "NonScopedSession"):
        monkeypatch.setattr(settings, name, session_of)
    return session_of


def returned(dag_id: str, task_id: str, value: Any, when: datetime) -> XComModel:
    """What a task of a run of its own returned."""
    return XComModel(
        dag_id=dag_id,
        task_id=task_id,
        run_id=str(uuid4()),
        dag_run_id=next(_RUN_IDS),
        map_index=-1,
        key="return_value",
        timestamp=when,
        value=value,
    )
