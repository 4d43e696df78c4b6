"""Which Service answers for a host and path, as the Ingress objects of one class say (networking.k8s.io/v1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    """One path of one host. `target` is the origin of its Service (`http://10.214.0.7:8080`)."""

    host: str
    path: str
    exact: bool
    target: str

    def takes(self, path: str) -> bool:
        """Prefixes match whole elements of a path: `/foo` takes `/foo/bar`, not `/foobar`."""
        if self.exact:
            return path == self.path
        return f"{path}/".startswith(f"{self.path.rstrip('/')}/")


@dataclass(frozen=True)
class Routes:
    """All routes of a cluster at one moment."""

    routes: tuple[Route, ...] = ()

    def knows(self, host: str) -> bool:
        return any(route.host == host for route in self.routes)

    def target(self, host: str, path: str) -> str | None:
        """The longest match, an exact one first; None where no Ingress speaks of it."""
        found = [route for route in self.routes if route.host == host and route.takes(path)]
        return max(found, key=lambda route: (route.exact, len(route.path))).target if found else None


def routes(ingresses: Iterable[Object], services: Iterable[Object]) -> Routes:
    """Of the Ingresses as the API server lists them; a backend without a Service or address has no route."""
    known = {(service["metadata"]["namespace"], service["metadata"]["name"]): service for service in services}
    return Routes(tuple(route for ingress in ingresses for route in _of(ingress, known)))


def _of(ingress: Object, services: Mapping[tuple[str, str], Object]) -> Iterator[Route]:
    for rule in ingress["spec"].get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            backend = path["backend"].get("service") or {}
            service = services.get((ingress["metadata"]["namespace"], str(backend.get("name"))))
            address = (service or {}).get("spec", {}).get("clusterIP")
            port = _port(service, backend.get("port") or {}) if service else None
            if address and address != "None" and port:
                exact = path.get("pathType") == "Exact"
                yield Route(str(rule.get("host", "")), path.get("path") or "/", exact, f"http://{address}:{port}")


def _port(service: Object, wanted: Object) -> int | None:
    for port in service["spec"].get("ports") or []:
        if port["port"] == wanted.get("number") or port.get("name", "") == wanted.get("name"):
            return int(port["port"])
    return None
