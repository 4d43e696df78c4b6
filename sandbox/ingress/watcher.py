"""Keeps the routes equal to the cluster's Ingresses, and tells each Ingress the address of the proxy."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

from sandbox.ingress.routes import Object, Routes, routes
from sandbox.plugins.failures import PluginError
from sandbox.plugins.kubernetes.transport import ApiServer

REFRESH_SECONDS: Final = 1.0
_INGRESSES: Final = "/apis/networking.k8s.io/v1/ingresses"
_SERVICES: Final = "/api/v1/services"
# Any version will do, so that the API server answers from its memory instead of asking its store.
_CHEAPLY: Final = {"resourceVersion": "0"}


class Watcher:
    """`routes` are those of the last look; while the API server is away they stay."""

    def __init__(self, api: ApiServer, ingress_class: str, address: str) -> None:
        self.routes = Routes()
        self._api = api
        self._class = ingress_class
        self._status = {"loadBalancer": {"ingress": [{"ip": address}]}}
        self._failing = False

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(REFRESH_SECONDS)

    def look(self) -> None:
        """Reads the cluster once."""
        try:
            listed = self._list(_INGRESSES)
            ours = [ingress for ingress in listed if ingress["spec"].get("ingressClassName") == self._class]
            self.routes = routes(ours, self._list(_SERVICES) if ours else [])
            for ingress in ours:
                self._tell(ingress)
            self._failing = False
        except PluginError as failure:
            if not self._failing:
                sys.stderr.write(f"The routes stay as they are: {failure}\n")
            self._failing = True

    def _list(self, path: str) -> list[dict[str, Any]]:
        return (self._api.get(path, _CHEAPLY) or {}).get("items") or []

    def _tell(self, ingress: Object) -> None:
        if (ingress.get("status") or {}).get("loadBalancer") == self._status["loadBalancer"]:
            return
        meta = ingress["metadata"]
        path = f"/apis/networking.k8s.io/v1/namespaces/{meta['namespace']}/ingresses/{meta['name']}/status"
        self._api.call("PATCH", path, {"status": self._status}, content_type="application/merge-patch+json")
