"""The tables of the webhook beside Airflow's, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from ariel_runtime.database.guards import SCHEMA, WEBHOOKS
from sqlalchemy import text

from tests.unit.runtime.metadata_tables import metadata_tables


def webhook_tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Made by the reconciler's own statements, in as far as SQLite knows them; see `metadata_tables`."""
    session_of = metadata_tables(monkeypatch)
    with session_of.begin() as session:
        session.execute(text(f"ATTACH ':memory:' AS {SCHEMA}"))
    with session_of.begin() as session:
        for made in WEBHOOKS:
            statement = made.create.partition(";")[0].replace(f"REFERENCES {SCHEMA}.", "REFERENCES ")
            session.execute(text(statement))
    return session_of
