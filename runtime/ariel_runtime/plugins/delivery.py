"""`/ariel/webhook/<tenant>` and `/ariel/delivery/`: how revisions arrive, and how far they have come."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class DeliveryPlugin(AirflowPlugin):
    """Mounts the applications of `webhook_app` and `delivery_app`, and a link to the page in the navigation."""

    name = "ariel_delivery"
    external_views = [
        {
            "name": "Delivery",
            "href": "ariel/delivery/",
            "url_route": "delivery",
            "destination": "nav",
            "category": "browse",
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Asked for by the API server alone: a task pod should not import FastAPI."""
        from ariel_runtime.plugins import delivery_app, webhook_app

        return [
            {"app": webhook_app.app, "url_prefix": "/ariel/webhook", "name": "webhook"},
            {"app": delivery_app.app, "url_prefix": "/ariel/delivery", "name": "delivery"},
        ]
