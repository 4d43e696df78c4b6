"""The `helm` binary: one call per verb, values on standard input, the kubeconfig in a private file."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.plugins.failures import PluginError

_NOT_FOUND = "release: not found"
_CANCEL_CHECK_SECONDS = 0.5


class HelmError(PluginError):
    """Helm's own words; they never contain the values."""


@dataclass(frozen=True)
class Found:
    """A release as the cluster stores it. `values` are the given ones, `manifest` the rendered objects (YAML)."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    version: str
    app_version: str
    values: dict[str, Any]
    manifest: str


class Helm:
    """Helm for one cluster; `kubeconfig` is content, `context` may be empty."""

    def __init__(self, kubeconfig: str, context: str, cancelled: threading.Event) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._cancelled = cancelled

    def find(self, name: str, namespace: str) -> Found | None:
        """The release's last revision; None when there is no such release."""
        try:
            status = json.loads(self._run(["status", name, "--namespace", namespace, "--output", "json"]))
            meta = json.loads(self._run(["get", "metadata", name, "--namespace", namespace, "--output", "json"]))
        except HelmError as failure:
            if _NOT_FOUND in str(failure):
                return None
            raise
        return Found(
            name=name,
            namespace=namespace,
            revision=status["version"],
            status=status["info"]["status"],
            chart=meta["chart"],
            version=meta["version"],
            app_version=meta.get("appVersion") or "",
            values=status.get("config") or {},
            manifest=status.get("manifest") or "",
        )

    def install(self, name: str, namespace: str, chart: Path, flags: Sequence[str], values: Mapping[str, Any]) -> None:
        """Install a release that does not exist."""
        self._run(["install", name, str(chart), "--namespace", namespace, "--values", "-", *flags], values)

    def upgrade(self, name: str, namespace: str, chart: Path, flags: Sequence[str], values: Mapping[str, Any]) -> None:
        """Upgrade a release that exists."""
        self._run(["upgrade", name, str(chart), "--namespace", namespace, "--values", "-", *flags], values)

    def rollback(self, name: str, namespace: str) -> None:
        """Back to the last good revision, which also ends a pending operation."""
        self._run(["rollback", name, "--namespace", namespace])

    def uninstall(self, name: str, namespace: str, flags: Sequence[str]) -> None:
        """Remove a release; one that is not there is done."""
        try:
            self._run(["uninstall", name, "--namespace", namespace, *flags])
        except HelmError as failure:
            if _NOT_FOUND not in str(failure):
                raise

    def _run(self, arguments: Sequence[str], values: Mapping[str, Any] | None = None) -> str:
        # JSON is YAML, and keeps texts that look like numbers what they are.
        given = json.dumps(values) if values is not None else None
        with tempfile.NamedTemporaryFile("w", prefix="ariel-kubeconfig-", encoding="utf-8") as file:
            file.write(self._kubeconfig)
            file.flush()
            chosen = ["--kube-context", self._context] if self._context else []
            command = ["helm", *arguments, "--kubeconfig", file.name, *chosen]
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            except FileNotFoundError:
                raise PluginError("helm: not on PATH; releases need the helm binary (`make up` brings it)") from None
            output, errors = self._finish(process, given)
        if process.returncode != 0:
            raise HelmError(errors.strip() or f"helm {arguments[0]} failed with code {process.returncode}")
        return output

    def _finish(self, process: subprocess.Popen[str], given: str | None) -> tuple[str, str]:
        """Output and errors; a cancelled run asks helm to end, so that it can mark the release as failed."""
        while True:
            try:
                return process.communicate(given, timeout=_CANCEL_CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                given = None  # handed over already; Popen refuses it a second time
                if self._cancelled.is_set():
                    process.terminate()
