"""What the provider says of itself. Asked while Airflow begins to be imported, so it imports nothing of it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    hook = {"connection-type": "stations", "hook-class-name": "stations_hook.StationsHook"}
    return {"package-name": "stations-provider", "name": "", "description": "", "connection-types": [hook]}
