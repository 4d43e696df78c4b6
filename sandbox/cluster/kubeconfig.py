"""Kubeconfig files of one context, with everything embedded so that they can be copied."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.pki import KeyPair, write_private
from stacks.errors import Problem, UsageError

_EMBEDDED = ("certificate-authority", "client-certificate", "client-key")


def write(file: Path, *, server: str, authority: Path, user: str, credentials: KeyPair) -> None:
    """Write a kubeconfig of one context; the file stays untouched when it already says so."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "sandbox", "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(credentials.certificate),
                    "client-key-data": _encoded(credentials.key),
                },
            }
        ],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
        "current-context": "sandbox",
    }
    save(file, content)


def save(file: Path, content: Mapping[str, Any]) -> None:
    """Write the document, readable by its owner only; the file stays untouched when it already says so."""
    # JSON is YAML, and every reader of kubeconfigs takes it.
    text = json.dumps(content, indent=2).encode()
    if not file.exists() or file.read_bytes() != text:
        write_private(file, text)


def of_context(file: Path, context: str | None) -> dict[str, Any]:
    """What `file` says of one context, by default its current one, without references to files beside it.

    Raises UsageError when the file cannot be read or has no such context.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        contexts = {entry["name"]: entry["context"] for entry in document["contexts"]}
        chosen = context or document.get("current-context") or ""
        if chosen not in contexts:
            raise UsageError([_no_context(file, chosen, contexts)])
        cluster = _block(document, "clusters", "cluster", contexts[chosen]["cluster"], file.absolute().parent)
        user = _block(document, "users", "user", contexts[chosen]["user"], file.absolute().parent)
    except OSError as error:
        raise UsageError([_unusable(file, f"{error.filename}: {error.strerror}")]) from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError):
        # Not what the parser said: it quotes the text, in which keys stand.
        raise UsageError([_unusable(file, "no whole kubeconfig")]) from None
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [user],
        "contexts": [{"name": chosen, "context": contexts[chosen]}],
        "current-context": chosen,
    }


def _block(document: Mapping[str, Any], section: str, kind: str, name: str, folder: Path) -> dict[str, Any]:
    """The named block; files that it names are embedded or, where they change in time, named by their full path."""
    block = {entry["name"]: dict(entry[kind]) for entry in document[section]}[name]
    for key in _EMBEDDED:
        if (named := block.pop(key, None)) and f"{key}-data" not in block:
            block[f"{key}-data"] = _encoded(folder / named)
    if "tokenFile" in block:
        block["tokenFile"] = str(folder / block["tokenFile"])
    if "/" in (command := (block.get("exec") or {}).get("command", "")):
        block["exec"] = {**block["exec"], "command": str(folder / command)}
    return {"name": name, kind: block}


def _encoded(source: Path) -> str:
    return base64.b64encode(source.read_bytes()).decode()


def _unusable(file: Path, value: str) -> Problem:
    return Problem(
        path=f"--kubeconfig {file}",
        value=value,
        rule="a kubeconfig that can be read, with the files that it names",
        action="name the file with which `kubectl --kubeconfig FILE get namespaces` answers",
    )


def _no_context(file: Path, chosen: str, contexts: Mapping[str, Any]) -> Problem:
    return Problem(
        path="--context",
        value=chosen or "not given, and the file has no current one",
        rule=f"a context of {file}: {', '.join(contexts) or 'it has none'}",
        action="give one of these with `--context`",
    )
