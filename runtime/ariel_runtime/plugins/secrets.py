"""`/ariel/secrets/`: names of the teams' secrets, as a page and as an API, and setting them."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class SecretsPlugin(AirflowPlugin):
    """Mounts the application of `secrets_app`, and a link to its page in the navigation."""

    name = "ariel_secrets"
    external_views = [
        {
            "name": "Secrets",
            "href": "ariel/secrets/",
            "url_route": "secrets",
            "destination": "nav",
            "category": "admin",
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone: a task pod should not import FastAPI."""
        from ariel_runtime.plugins.secrets_app import app

        return [{"app": app, "url_prefix": "/ariel/secrets", "name": "secrets"}]
