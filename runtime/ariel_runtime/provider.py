"""What makes `@task.isolated` known: Airflow asks each package for its decorators while it begins to be imported."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """In the shape of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "ariel-runtime",
        "name": "ariel",
        "description": "Tasks in another image or under another interpreter.",
        "task-decorators": [{"name": "isolated", "class-name": "ariel_runtime.isolated.decorator.isolated_task"}],
    }
