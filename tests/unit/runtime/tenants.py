"""Tenants as the registry gives them, for tests of what places their tasks."""

from __future__ import annotations

from typing import Any

from ariel_runtime.registry import Repository, Tenant, Vault


def tenant(slug: str = "weather", **changes: Any) -> Tenant:
    """A tenant with one DAG group `etl` and one allowed image."""
    fields: dict[str, Any] = {
        "slug": slug,
        "team": slug,
        "bundle": slug,
        "pool": slug,
        "group_id": "group",
        "repository": Repository(url=f"git://mirror/{slug}", branch="main", path="dags"),
        "environment": {"AIRFLOW__AZURE_REMOTE_LOGGING__REMOTE_WASB_LOG_CONTAINER": f"logs-{slug}"},
        "task_namespace": f"tasks-{slug}",
        "parse_namespace": f"parse-{slug}",
        "accounts": {"task": "client", "task-etl": "client-etl"},
        "roles": {},
        "images": ("ghcr.io/acme/model",),
        "slots": 20,
        "vault": Vault(url="https://vault", shared=False),
        "log_container": f"logs-{slug}",
        "alerts": None,
    }
    return Tenant(**{**fields, **changes})
