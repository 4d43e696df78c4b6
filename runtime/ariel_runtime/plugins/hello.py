"""The page `/hello/`: that the platform answers, and what the tenants' diagnostics last reported."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class HelloPlugin(AirflowPlugin):
    """Mounts the application of `hello_app`, and a link to it in the navigation."""

    name = "ariel_hello"
    external_views = [
        {"name": "Hello", "href": "hello/", "url_route": "hello", "destination": "nav", "category": "browse"}
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone: a task pod should not import FastAPI."""
        from ariel_runtime.plugins.hello_app import app

        return [{"app": app, "url_prefix": "/hello", "name": "hello"}]
