"""What runs somewhere, and what should: Airflow, ariel's runtime, and the images of the platform's pods."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cli.workspace import stack_file
from components.namespace import PLATFORM
from sandbox.lifecycle import Sandbox
from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.transport import ApiServer
from sandbox.workloads import image_settings, registry
from stacks import load
from stacks.naming import parse_namespace
from stacks.settings import Settings
from stacks.versions import AIRFLOW

RUNTIME: Final = version("ariel-runtime")
"""Of this checkout, from which the images are made."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """`found` of one thing, and what is `pinned`; None where nothing pins it."""

    part: str
    found: str
    pinned: str | None

    @property
    def right(self) -> bool:
        return self.found == self.pinned


def of_airflow(part: str, said: Mapping[str, Any]) -> Iterator[Version]:
    """What a program said of `airflow` and of ariel's `runtime`."""
    for name, pinned in (("airflow", AIRFLOW), ("runtime", RUNTIME)):
        yield Version(part=f"{name} of {part}", found=str(said.get(name)), pinned=pinned)


def of_images(sandbox: Sandbox, slugs: Mapping[str, Any]) -> Iterator[Version]:
    """Of every container of the platform and of the tenants' own parts. Raises PluginError.

    Not of tasks: a team may run those in images of its own.
    """
    pinned = _pinned(load.load(sandbox.paths.stack, load.read_file(_written(sandbox))))
    for namespace in (PLATFORM, *(parse_namespace(slug) for slug in slugs)):
        for pod in _pods(sandbox.cluster().kubeconfig, namespace):
            spec = pod["spec"]
            for container in (*spec.get("initContainers", []), *spec["containers"]):
                part = f"{namespace}/{pod['metadata']['name']}/{container['name']}"
                found = container["image"]
                yield Version(part=part, found=found, pinned=pinned.get(_repository(found)))


def _written(sandbox: Sandbox) -> Path:
    """The stack file as the engine last read it: the sandbox names images by tags of their content."""
    return stack_file(sandbox.paths.root / "project", sandbox.paths.stack)


def _pinned(settings: Settings) -> dict[str, str]:
    """Registry and repository -> the whole reference that pods are given."""
    host = registry(settings)
    return {
        f"{host}/{image.repository}": f"{host}/{image.repository}"
        + (f"@{image.digest}" if image.digest else f":{image.tag}")
        for image in image_settings(settings).values()
    }


def _repository(reference: str) -> str:
    whole = reference.partition("@")[0]
    head, colon, tag = whole.rpartition(":")
    return head if colon and "/" not in tag else whole


def _pods(file: Path, namespace: str) -> list[dict[str, Any]]:
    """Those that are not about to leave."""
    connection = kubeconfig.connection(kubeconfig.parse(kubeconfig.text_of(str(file))))
    found = ApiServer(connection, threading.Event()).get(f"/api/v1/namespaces/{namespace}/pods") or {"items": []}
    return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]
