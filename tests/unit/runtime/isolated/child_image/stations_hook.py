"""A database provider that only the child image has."""

from __future__ import annotations

import sqlite3
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook


class StationsHook(DbApiHook):
    conn_name_attr = "stations_conn_id"
    conn_type = "stations"
    hook_name = "Stations"

    def get_conn(self) -> Any:
        return sqlite3.connect(self.get_connection(self.get_conn_id()).host)
