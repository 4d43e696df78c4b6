"""Credentials from a kubeconfig's `exec` block (kubelogin and others), kept until shortly before they expire."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.plugins.failures import PluginError

# Renew this long before the end, so that a request does not start with a dying token.
_MARGIN_SECONDS = 60
_TIMEOUT_SECONDS = 60


class ExecLogin:
    """Runs the command of an `exec` block (client.authentication.k8s.io); gives its bearer token."""

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._block = block
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """A valid token; raises PluginError with the command's name, never with its output."""
        with self._lock:
            if not self._token or time.time() >= self._renew_at:
                self._renew()
            return self._token

    def _renew(self) -> None:
        version = self._block.get("apiVersion") or "client.authentication.k8s.io/v1"
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        given = {item["name"]: item["value"] for item in self._block.get("env") or []}
        command = [str(self._block.get("command")), *(self._block.get("args") or [])]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)},
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                check=True,
            )
            status = json.loads(done.stdout)["status"]
            self._token = status["token"]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as failure:
            raise PluginError(
                f"kubeconfig: sign-in command {command[0]} gave no token ({type(failure).__name__}); "
                "run it by hand to see why"
            ) from None
        expires = status.get("expirationTimestamp")
        end = datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp() if expires else float("inf")
        self._renew_at = end - _MARGIN_SECONDS
