"""What every pod must satisfy, as questions to plain manifests; each answer is the list of offenders with values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Manifest = dict[str, Any]

CREDENTIAL_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|FERNET|SQL_ALCHEMY_CONN|API_KEY|ACCESS_KEY)")
CREDENTIAL_VALUE = re.compile(r"://[^/@\s]+:[^/@\s]+@|AccountKey=|SharedAccessSignature|BEGIN [A-Z ]*PRIVATE KEY")
BY_COMMAND = re.compile(r"_(CMD|FILE)$")
"""A variable of such a name holds a command or a path, not the credential."""


def pod_specs(objects: list[Manifest]) -> dict[str, Manifest]:
    """`Kind/name` -> pod spec of everything that makes pods."""
    return {
        f"{entity['kind']}/{entity['metadata']['name']}": entity["spec"]["template"]["spec"]
        for entity in objects
        if entity["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job"}
    }


def containers(specs: dict[str, Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """(`owner/container`, pod spec, container) of all containers, init containers too."""
    for owner, spec in specs.items():
        for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
            yield f"{owner}/{container['name']}", spec, container


def not_hardened(specs: dict[str, Manifest]) -> list[str]:
    """Containers which Pod Security `restricted` refuses, or which say no requests and limits."""
    offenders = []
    for place, spec, container in containers(specs):
        context = {**(spec.get("securityContext") or {}), **(container.get("securityContext") or {})}
        resources = container.get("resources") or {}
        wanted = {
            "runAsNonRoot": context.get("runAsNonRoot") is True,
            "seccompProfile": (context.get("seccompProfile") or {}).get("type") == "RuntimeDefault",
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "capabilities": (context.get("capabilities") or {}) == {"drop": ["ALL"]},
            "privileged": not context.get("privileged", False),
            "requests": {"cpu", "memory"} <= set(resources.get("requests") or {}),
            "limits": {"cpu", "memory"} <= set(resources.get("limits") or {}),
        }
        offenders += [f"{place}: {name}" for name, holds in wanted.items() if not holds]
    return offenders


def credentials_in_env(specs: dict[str, Manifest]) -> list[str]:
    """Variables which hold a credential, plainly or out of a Secret, and whole Secrets taken as variables."""
    offenders = []
    for place, _, container in containers(specs):
        offenders += [f"{place}: envFrom {source}" for source in container.get("envFrom") or []]
        for variable in container.get("env") or []:
            name, value = variable["name"], str(variable.get("value", ""))
            named = CREDENTIAL_NAME.search(name) and not BY_COMMAND.search(name)
            from_secret = "secretKeyRef" in (variable.get("valueFrom") or {})
            if named or from_secret or CREDENTIAL_VALUE.search(value):
                offenders.append(f"{place}: {name}={value or variable.get('valueFrom')}")
    return offenders
