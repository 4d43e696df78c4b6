"""Kubeconfig files, with everything embedded so that they can be copied."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from sandbox.pki import KeyPair, write_private


def write(file: Path, *, server: str, authority: Path, user: str, credentials: KeyPair) -> None:
    """Write a kubeconfig of one context; the file stays untouched when it already says so."""

    def data(source: Path) -> str:
        return base64.b64encode(source.read_bytes()).decode()

    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": {"server": server, "certificate-authority-data": data(authority)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": data(credentials.certificate),
                    "client-key-data": data(credentials.key),
                },
            }
        ],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
        "current-context": "sandbox",
    }
    # JSON is YAML, and every reader of kubeconfigs takes it.
    text = json.dumps(content, indent=2).encode()
    if not file.exists() or file.read_bytes() != text:
        write_private(file, text)
