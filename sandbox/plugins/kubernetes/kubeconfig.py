"""A kubeconfig as text, and the one cluster and user that a provider's settings select in it.

The official Python client is not used: its `config` package imports every model of the API, 2 s in each run.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.plugins.failures import PluginError


@dataclass(frozen=True)
class Connection:
    """How to reach one cluster. Certificates and keys are PEM text; `login` is the kubeconfig's `exec` block."""

    server: str
    namespace: str
    verify: bool = True
    ca: str = ""
    server_name: str = ""
    certificate: str = ""
    key: str = ""
    token: str = ""
    basic: str = ""
    login: Mapping[str, Any] | None = None


def text_of(given: str) -> str:
    """The kubeconfig's content, given as content or as a path; empty means the person's own kubeconfig."""
    path = Path(given or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    if given and ("\n" in given or given.lstrip().startswith("{")):
        return given
    try:
        return path.read_text(encoding="utf-8")
    except OSError as failure:
        raise PluginError(
            f"kubeconfig: {path}: {failure.strerror}; a readable file or the content itself is required; "
            "set `kubeconfig` on the provider"
        ) from None


def parse(text: str) -> dict[str, Any]:
    """The document; raises PluginError without any of its content when it is no kubeconfig."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("clusters"), list):
        raise PluginError("kubeconfig: not a YAML or JSON map with `clusters`; check what the provider is given")
    return document


def active_cluster(document: Mapping[str, Any], context: str = "", cluster: str = "") -> dict[str, Any]:
    """The selected cluster's block; empty when the selection names nothing."""
    chosen = _named(document, "contexts", context or document.get("current-context") or "", "context")
    return _named(document, "clusters", cluster or chosen.get("cluster") or "", "cluster")


def connection(document: Mapping[str, Any], context: str = "", cluster: str = "") -> Connection:
    """Raises PluginError when the selected context has no server or refers to what cannot be read."""
    chosen = _named(document, "contexts", context or document.get("current-context") or "", "context")
    target = active_cluster(document, context, cluster)
    user = _named(document, "users", chosen.get("user") or "", "user")
    if not target.get("server"):
        name = context or document.get("current-context") or "(none)"
        raise PluginError(f"kubeconfig: context {name}: no cluster with a server; set `context` to one that exists")
    basic = f"{user['username']}:{user.get('password', '')}" if user.get("username") else ""
    token_file = user.get("tokenFile")
    return Connection(
        server=str(target["server"]).rstrip("/"),
        namespace=chosen.get("namespace") or "default",
        verify=not target.get("insecure-skip-tls-verify"),
        ca=_pem(target, "certificate-authority"),
        server_name=target.get("tls-server-name") or "",
        certificate=_pem(user, "client-certificate"),
        key=_pem(user, "client-key"),
        token=_read(token_file).strip() if token_file else user.get("token") or "",
        basic=basic,
        login=user.get("exec"),
    )


def _named(document: Mapping[str, Any], section: str, name: str, key: str) -> dict[str, Any]:
    for entry in document.get(section) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            return entry.get(key) or {}
    return {}


def _pem(block: Mapping[str, Any], key: str) -> str:
    data = block.get(f"{key}-data")
    if data:
        try:
            return base64.b64decode(data, validate=True).decode()
        except (binascii.Error, ValueError):
            raise PluginError(f"kubeconfig: {key}-data is not base64 of a PEM text; write the file anew") from None
    return _read(block[key]) if block.get(key) else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as failure:
        raise PluginError(f"kubeconfig: {path}: {failure.strerror}; a readable file is required") from None
