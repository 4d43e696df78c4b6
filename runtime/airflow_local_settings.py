"""The name under which Airflow looks for local settings: here, how migration and reconciler reach the database."""

import os

if "ARIEL_DATABASE_HOST" in os.environ:
    from ariel_runtime.metadata_engine import create_async_metadata_engine, create_metadata_engine

    __all__ = ["create_async_metadata_engine", "create_metadata_engine"]
